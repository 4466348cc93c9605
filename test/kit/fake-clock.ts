import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensurePackages } from "../../node-agent/toolchain/prerequisites.mjs";

/**
 * A clock for one program, which a test sets while it runs: libfaketime answers for the kernel. What is
 * measured by the monotonic clock, such as timers, goes on as it is.
 */
export class FakeClock {
  readonly #folder = mkdtempSync(join(tmpdir(), "cohort-clock-"));
  readonly #library: string;

  private constructor(library: string) {
    this.#library = library;
    this.set(Date.now());
  }

  /** At the real time. */
  static async create(): Promise<FakeClock> {
    if (libraryPath() === undefined) await ensurePackages(["libfaketime"], () => {});
    const library = libraryPath();
    if (library === undefined) throw new Error("libfaketime is not where Debian puts it");
    return new FakeClock(library);
  }

  /** For the program's process. */
  get environment(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: this.#library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }

  /** It is `atMs` now, and goes on from there. */
  set(atMs: number): void {
    const seconds = (atMs - Date.now()) / 1000;
    writeFileSync(this.#file, `${seconds < 0 ? "-" : "+"}${Math.abs(seconds).toFixed(3)}\n`);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#folder, "offset");
  }
}

function libraryPath(): string | undefined {
  return readdirSync("/usr/lib")
    .map((folder) => join("/usr/lib", folder, "faketime/libfaketimeMT.so.1"))
    .find((path) => existsSync(path));
}
