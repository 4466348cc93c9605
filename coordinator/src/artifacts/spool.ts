import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, rmSync } from "node:fs";
import { appendFile, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { refuse } from "@cohort/proto/problem";
import { artifactLimits } from "./limits.ts";

/** A file on its way in. */
export interface Staged {
  readonly received: number;
  append(bytes: Uint8Array): Promise<void>;
  /** SHA-256, hex, of what was appended; nothing may be appended afterwards. */
  digest(): string;
  read(): AsyncIterable<Uint8Array>;
  /** Keeps it under its hash, to be read soon. */
  keep(sha256: string): Promise<void>;
  discard(): Promise<void>;
}

export type Files = Pick<Spool, "stage" | "has" | "read" | "drop">;

/**
 * Files of artifacts on the coordinator's own disk: on their way in until they are whole, and those that
 * were read lately. Nothing here outlasts the process: the object store does.
 */
export class Spool {
  readonly #folder: string;
  /** Bytes of each file that is kept, by hash, the one that was read longest ago first. */
  readonly #kept = new Map<string, number>();
  #bytes = 0;
  #staged = 0;

  /** Empties the folder. */
  constructor(folder: string) {
    this.#folder = folder;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Room for a file of this size. Throws LIMIT_EXCEEDED while there is none. */
  stage(size: number): Staged {
    this.#makeRoom(size);
    this.#bytes += size;
    const path = join(this.#folder, `staged-${++this.#staged}`);
    const hash = createHash("sha256");
    let received = 0;
    let held = true;
    const letGo = () => {
      if (held) this.#bytes -= size;
      held = false;
    };
    return {
      get received() {
        return received;
      },
      async append(bytes) {
        await onDisk(appendFile(path, bytes, { mode: 0o600 }));
        hash.update(bytes);
        received += bytes.length;
      },
      digest: () => hash.digest("hex"),
      read: () => createReadStream(path),
      keep: async (sha256) => {
        letGo();
        if (this.#kept.has(sha256)) return rm(path, { force: true });
        await rename(path, this.#path(sha256));
        this.#kept.set(sha256, size);
        this.#bytes += size;
      },
      async discard() {
        letGo();
        await rm(path, { force: true });
      },
    };
  }

  has(sha256: string): boolean {
    return this.#kept.has(sha256);
  }

  /** Up to `length` bytes from `offset` on; null when the file is not, or no longer, here. */
  async read(sha256: string, offset: number, length: number): Promise<Uint8Array | null> {
    const size = this.#kept.get(sha256);
    if (size === undefined) return null;
    this.#kept.delete(sha256);
    this.#kept.set(sha256, size);
    const file = await open(this.#path(sha256)).catch(() => null);
    if (file === null) return null;
    try {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
      return bytes.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  /** Forgets a file that is no longer in the object store. */
  drop(sha256: string): void {
    const size = this.#kept.get(sha256);
    if (size === undefined) return;
    this.#kept.delete(sha256);
    this.#bytes -= size;
    rmSync(this.#path(sha256), { force: true });
  }

  #makeRoom(size: number): void {
    for (const sha256 of [...this.#kept.keys()]) {
      if (this.#bytes + size <= artifactLimits.spoolBytesMax) return;
      this.drop(sha256);
    }
    if (this.#bytes + size <= artifactLimits.spoolBytesMax) return;
    throw refuse("LIMIT_EXCEEDED", "too many artifacts are on their way at once", {
      hint: "Wait for others to arrive, then send it again.",
    });
  }

  #path(sha256: string): string {
    return join(this.#folder, sha256);
  }
}

async function onDisk(writing: Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (cause) {
    if ((cause as { code?: string }).code !== "ENOSPC") throw cause;
    throw refuse("ARTIFACT_STORE_FULL", "the coordinator's disk is full", {}, cause);
  }
}
