import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { buildCommitProgram } from "../kit/commit-program.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { entries, signer } from "./samples.ts";

const program = temporaryPath("appender.mjs");
const commitProgram = temporaryPath("commit-thread.mjs");
const here = import.meta.dirname;

beforeAll(async () => {
  await buildCommitProgram(commitProgram);
  await build({
    entryPoints: [resolve(here, "appender.ts")],
    outfile: program,
    bundle: true,
    platform: "node",
    format: "esm",
    alias: { "better-sqlite3": resolve(here, "../../../node_modules/better-sqlite3/lib/index.js") },
    external: ["*/better-sqlite3/lib/index.js"],
  });
});

describe("the event log across the death of its process", () => {
  it("keeps all that it said was durable when killed in the midst of appending", async () => {
    const path = temporaryPath("log.db");
    for (let round = 0; round < 4; round += 1) {
      const child = spawn(process.execPath, [program, path, commitProgram]);
      const told = listen(child);
      await once(child.stdout, "data");
      await sleep(20 + 37 * round);
      child.kill("SIGKILL");
      await once(child, "close");
      await expectIntact(path, told.durable);
    }
  });

  it("stops when its file can grow no more, and opens again with all that was durable", async () => {
    const path = temporaryPath("log.db");
    const limited = `trap "" XFSZ; ulimit -f 700; exec "$0" "$@"`;
    const child = spawn("sh", ["-c", limited, process.execPath, program, path, commitProgram]);
    const told = listen(child);
    await once(child, "close");
    expect(told.failed).toBe("LEDGER_UNWRITABLE");
    await expectIntact(path, told.durable);
  });
});

interface Told {
  durable: number;
  failed: string;
}

function listen(child: ChildProcess): Told {
  const told: Told = { durable: 0, failed: "" };
  if (child.stdout === null) throw new Error("the child has no stdout");
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [word, value = ""] = line.split(" ");
    if (word === "durable") told.durable = Number(value);
    if (word === "failed") told.failed = value;
  });
  return told;
}

/** Opening verifies every entry and the checkpoint; then nothing told may be missing. */
async function expectIntact(path: string, durable: number): Promise<void> {
  expect(durable).toBeGreaterThan(0);
  const log = openSqliteLog({ path, signer });
  expect(log.size).toBeGreaterThanOrEqual(durable);
  expect([...log.entries(1)]).toEqual(entries(1, log.size));
  await log.close();
}
