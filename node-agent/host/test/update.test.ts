import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { buildAgent } from "../../toolchain/build.mjs";
import { buildMsMax, sanitize, temporaryFolder } from "./agent.ts";

const root = resolve(import.meta.dirname, "../../..");
const versions = ["1.0.0", "2.0.0"] as const;
type Version = (typeof versions)[number];
const binaries = {} as Record<Version, string>;

beforeAll(async () => {
  for (const version of versions) {
    const { file } = await buildAgent({
      version,
      main: join(import.meta.dirname, "update-program.ts"),
      outFile: join(root, ".cohort/build/test", `update-${version}${sanitize ? "-sanitize" : ""}`),
      sanitize,
    });
    binaries[version] = file;
  }
}, buildMsMax);

interface Boot {
  base?: string;
  current?: string;
  trial?: string;
  starts?: number;
  confirm?: number;
  failed?: string;
}

/** A node's data folder, and the installed binary that its supervisor starts. */
class Board {
  readonly data = temporaryFolder();
  readonly installed = join(this.data, "installed");

  constructor(conduct: Partial<Record<Version, string>>, installed: Version = "1.0.0") {
    mkdirSync(join(this.data, "update"));
    copyFileSync(binaries[installed], this.installed);
    for (const [version, word] of Object.entries(conduct)) this.conduct(version as Version, word);
  }

  conduct(version: Version, word: string): void {
    writeFileSync(join(this.data, `conduct-${version}`), word);
  }

  /** Puts an image where updates put them; its name. */
  image(content: Buffer | string): string {
    const name = createHash("sha256").update(content).digest("hex");
    const path = join(this.data, "update", name);
    writeFileSync(path, content);
    chmodSync(path, 0o700);
    return name;
  }

  write({
    base = "1.0.0",
    current = "-",
    trial = "-",
    starts = 0,
    confirm = 30,
    failed = "- -",
  }: Boot) {
    const lines = [`base ${base}`, `current ${current}`, `trial ${trial}`, `starts ${starts}`];
    this.writeText(`cohort-update 1\n${lines.join("\n")}\nconfirm ${confirm}\nfailed ${failed}\n`);
  }

  writeText(text: string | Uint8Array): void {
    writeFileSync(join(this.data, "update/boot"), text);
  }

  /** Lets what waits for it begin anew. */
  go(): void {
    writeFileSync(join(this.data, "go"), "");
  }

  get boot(): string {
    return readFileSync(join(this.data, "update/boot"), "utf8");
  }

  start(): ChildProcess {
    return spawn(this.installed, ["run", "--data", this.data], {
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** What one life of the process said on stdout, and how it ended. */
  async life(): Promise<{ out: string; end: number | string | null }> {
    const child = this.start();
    let out = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      out += text;
    });
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    return { out, end: code ?? signal };
  }
}

const other = () => readFileSync(binaries["2.0.0"]);
const short = (image: string) => image.slice(0, 8);

describe("the image that runs", () => {
  test("is the installed binary where no update was made", async () => {
    const board = new Board({});
    expect(await board.life()).toEqual({ out: "1.0.0 -\n", end: 3 });
  });

  test("is the one that an update brought", async () => {
    const board = new Board({});
    board.write({ current: board.image(other()) });
    expect((await board.life()).out).toBe("2.0.0 -\n");
  });

  test("is the installed binary where it was installed after the update", async () => {
    const board = new Board({});
    board.write({ base: "0.9.0", current: board.image(other()) });
    expect((await board.life()).out).toBe("1.0.0 -\n");
  });

  test.each(["gone", "cut off", "changed"])(
    "is the installed binary where that of the update is %s",
    async (what) => {
      const board = new Board({});
      const image = board.image(other());
      const path = join(board.data, "update", image);
      if (what === "gone") rmSync(path);
      if (what === "cut off") truncateSync(path, 1000);
      if (what === "changed") writeFileSync(path, Buffer.concat([other(), Buffer.from("x")]));
      board.write({ current: image });
      expect((await board.life()).out).toBe("1.0.0 -\n");
    },
  );

  test("is the installed binary where what was written down is damaged, at whatever place", async () => {
    const board = new Board({});
    const image = board.image(other());
    board.write({ current: image });
    const { boot } = board;
    for (let length = 0; length < boot.length; length += 7) {
      board.writeText(boot.slice(0, length));
      expect((await board.life()).out, `cut at ${length}`).toBe("1.0.0 -\n");
    }
    for (const text of [
      boot.replace(image, `../../${image}`.slice(0, 64)),
      boot.replace("starts 0", "starts -1"),
      boot.replace("starts 0", "starts 99999999999"),
      `${boot}more\n`,
      boot.replace("base 1.0.0", `base ${"1".repeat(600)}`),
      boot.replace("base 1.0.0", "base 1.0.0\0"),
    ]) {
      board.writeText(text);
      expect((await board.life()).out, text).toBe("1.0.0 -\n");
    }
  });
});

describe("a new image", () => {
  test("stays when it has proved itself, and its time runs no longer", async () => {
    const board = new Board({ "2.0.0": "confirm" });
    const image = board.image(other());
    board.write({ trial: image, confirm: 1 });
    expect(await board.life()).toEqual({ out: `2.0.0 ${short(image)}\n`, end: 0 });
    expect(board.boot).toContain(`current ${image}\ntrial -\n`);
    expect((await board.life()).out).toBe("2.0.0 -\n");
  });

  test("that hangs gives way in time, in the same process, and the supervisor sees nothing", async () => {
    const board = new Board({ "1.0.0": "idle", "2.0.0": "hang" });
    const image = board.image(other());
    board.write({ trial: image, confirm: 1 });
    const child = board.start();
    const lines = said(child);
    await lines.until(2);
    expect(lines.all).toEqual([`2.0.0 ${short(image)}`, "1.0.0 -"]);
    expect(child.exitCode).toBeNull();
    expect(board.boot).toContain(`trial -\nstarts 0\nconfirm 1\nfailed ${image} late\n`);
    child.kill();
  });

  test("that is never greeted gives way in time", async () => {
    const board = new Board({ "1.0.0": "idle", "2.0.0": "idle" });
    board.write({ trial: board.image(other()), confirm: 1 });
    const child = board.start();
    const lines = said(child);
    await lines.until(2);
    expect(lines.all[1]).toBe("1.0.0 -");
    child.kill();
  });

  test("that ends by itself is started twice, and then no more", async () => {
    const board = new Board({});
    const image = board.image(other());
    board.write({ trial: image });
    expect((await board.life()).out).toBe(`2.0.0 ${short(image)}\n`);
    expect((await board.life()).out).toBe(`2.0.0 ${short(image)}\n`);
    expect((await board.life()).out).toBe("1.0.0 -\n");
    expect(board.boot).toContain(`failed ${image} crashed\n`);
  });

  test("that ends at once gives way to the former image, not to the installed one", async () => {
    const board = new Board({});
    const former = board.image(other());
    const planted = board.image("#!/bin/sh\nexit 7\n");
    board.write({ current: former, trial: planted });
    expect((await board.life()).end).toBe(7);
    expect((await board.life()).end).toBe(7);
    expect((await board.life()).out).toBe("2.0.0 -\n");
  });

  test("that knows nothing of its alarm is ended by it all the same", async () => {
    const board = new Board({});
    const planted = board.image("#!/bin/sh\nexec sleep 60\n");
    board.write({ trial: planted, confirm: 1, starts: 1 });
    expect((await board.life()).end).toBe("SIGALRM");
    expect((await board.life()).out).toBe("1.0.0 -\n");
    expect(board.boot).toContain(`failed ${planted} crashed\n`);
  });

  test.each([
    ["another machine's", () => Buffer.from(other()).fill(0xf3, 18, 19)],
    ["no program", () => Buffer.from("\0\0\0\0")],
    ["empty", () => Buffer.alloc(0)],
  ])("that is %s is given up at once", async (_what, content) => {
    const board = new Board({});
    const image = board.image(content());
    board.write({ trial: image });
    expect((await board.life()).out).toBe("1.0.0 -\n");
    expect(board.boot).toContain(`failed ${image} unusable\n`);
  });

  test("that is not what its name says is not started", async () => {
    const board = new Board({});
    const image = board.image(other());
    truncateSync(join(board.data, "update", image), 5000);
    board.write({ trial: image });
    expect((await board.life()).out).toBe("1.0.0 -\n");
    expect(board.boot).toContain(`failed ${image} unusable\n`);
  });

  test("whose start cannot be counted is not started", async () => {
    const board = new Board({});
    board.write({ trial: board.image(other()) });
    // A folder in the place of the temporary file: it can be neither removed nor written.
    mkdirSync(join(board.data, "update/boot.host/x"), { recursive: true });
    expect((await board.life()).out).toBe("1.0.0 -\n");
    expect((await board.life()).out).toBe("1.0.0 -\n");
  });
});

describe("beginning anew", () => {
  test("takes what is written down by then, in the same process", async () => {
    const board = new Board({ "1.0.0": "restart", "2.0.0": "idle" });
    const child = board.start();
    const lines = said(child);
    await lines.until(1);
    const image = board.image(other());
    board.write({ trial: image });
    board.go();
    await lines.until(2);
    expect(lines.all).toEqual(["1.0.0 -", `2.0.0 ${short(image)}`]);
    expect(child.exitCode).toBeNull();
    child.kill();
  });

  test("leaves an image for the one that is under trial", async () => {
    const board = new Board({ "2.0.0": "restart" });
    const former = board.image(other());
    board.write({ current: former });
    const child = board.start();
    await said(child).until(1);
    board.write({ current: former, trial: board.image("#!/bin/sh\nexit 9\n") });
    board.go();
    expect(await once(child, "close")).toEqual([9, null]);
  });
});

/** What the process says, over all images that it becomes. */
function said(child: ChildProcess): {
  readonly all: string[];
  until(count: number): Promise<void>;
} {
  const all: string[] = [];
  let wake = () => {};
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    all.push(...text.trim().split("\n"));
    wake();
  });
  return {
    all,
    async until(count) {
      while (all.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
