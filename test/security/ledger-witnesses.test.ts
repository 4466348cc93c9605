import { execFile } from "node:child_process";
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { noteCrypto } from "@cohort/coordinator/src/ledger/crypto.ts";
import { agentPath } from "@cohort/deploy/setup/agent.mjs";
import { parseCheckpointBody } from "@cohort/proto/ledger/checkpoint";
import { cosignerName, openCosignature } from "@cohort/proto/ledger/cosignature";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLedger } from "../kit/history.ts";
import { TestMesh } from "../kit/mesh.ts";
import { dataOf } from "../kit/mesh-place.ts";
import { applySteps } from "../kit/step-runs.ts";

let mesh: TestMesh;
let key: string;
let workflow: string;

beforeAll(async () => {
  mesh = await TestMesh.start();
  await mesh.startAgents({ "board-01": {}, "board-02": {} });
  workflow = await applySteps(mesh, '  - { id: only, run: "echo done" }\n');
  const { note, verifierKey } = await mesh.client.call(
    mesh.client.ledger,
    mesh.client.ledger.checkpoint,
    {},
  );
  expect(note).toContain(verifierKey.split("+")[0]);
  key = verifierKey;
});
afterAll(() => mesh?.stop());

const file = (name: string) => join(mesh.home, name);
const nodeData = (node: string) => join(mesh.home, "nodes", node);

interface Answer {
  readonly status: number;
  readonly out: string;
}

function agent(node: string, ...argv: string[]): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(agentPath(), [...argv, "--data", nodeData(node)], (error, out) => {
      resolve({ status: error === null ? 0 : Number(error.code), out });
    });
  });
}

const sizeSeenBy = async (node: string) =>
  parseCheckpointBody((await agent(node, "witness")).out).size;

const statusOf = async (node: string) =>
  JSON.parse((await agent(node, "status", "-o", "json")).out) as {
    ledger: { size: number; takenMs: number; dispute: string; settled: number };
  };

const runOnce = async () => {
  const run = await mesh.ended(await mesh.run(workflow));
  expect(run).toMatchObject({ state: "succeeded" });
};

/** An agent asks for the newest checkpoint soon after it was started. */
async function restart(node: string): Promise<void> {
  await mesh.program(node).kill("SIGTERM");
  await mesh.program(node).start();
}

/** Every program stands still; the coordinator's files but for its broker's. */
async function withoutCoordinator(change: () => void): Promise<void> {
  await mesh.program("coordinator").kill("SIGTERM");
  change();
  await mesh.program("coordinator").start();
  await mesh.until(async () => (await mesh.runsOf(workflow)).length >= 0);
}

const keepFiles = (name: string) =>
  cpSync(dataOf(mesh), file(name), {
    recursive: true,
    filter: (path) => basename(path) !== "nats",
  });

function restoreFiles(name: string): void {
  for (const entry of ["cohort.db", "cohort.db-wal", "cohort.db-shm"]) {
    rmSync(join(dataOf(mesh), entry), { force: true });
  }
  cpSync(file(name), dataOf(mesh), { recursive: true });
}

describe("nodes as witnesses of the ledger", () => {
  it("keep the last checkpoint on their disk, cosigned, and tell the coordinator", async () => {
    await mesh.until(async () => (await sizeSeenBy("board-01")) > 0);
    await mesh.until(async () => (await sizeSeenBy("board-02")) > 0);
    await runOnce();
    const before = await sizeSeenBy("board-01");
    await restart("board-01");
    await mesh.until(async () => (await sizeSeenBy("board-01")) > before);
    const size = await sizeSeenBy("board-01");
    expect((await statusOf("board-01")).ledger).toMatchObject({ size, dispute: "", settled: 0 });
    expect((await agent("board-01", "status")).out).toContain(`ledger:     ${size} entries seen`);

    // The coordinator is told with the request that follows the one in which it was taken.
    await restart("board-01");
    const seen = async () => {
      const { exit, stdout } = await mesh.cohort("ledger", "witnesses", "-o", "json");
      expect(exit).toBe(0);
      const { witnesses } = JSON.parse(stdout) as {
        witnesses: { node: string; size: number; checkpoint: string; verifier_key: string }[];
      };
      return witnesses.find(({ node }) => node === "board-01");
    };
    await mesh.until(async () => (await seen())?.size === size);
    const { checkpoint = "", verifier_key = "" } = (await seen()) ?? {};
    const publicKey = Buffer.from(verifier_key.split("+").slice(2).join("+"), "base64").subarray(1);
    const name = cosignerName(key.split("+")[0] as string, "board-01");
    expect(openCosignature(checkpoint, { name, publicKey }, noteCrypto)).toBeGreaterThan(0);
  });

  it("follow the ledger to another key, which the one before signed", async () => {
    const rotated = await mesh.cohort("ledger", "rotate-key", "-o", "json");
    expect(rotated.exit).toBe(0);
    const { keys } = JSON.parse(rotated.stdout) as { keys: { verifier_key: string }[] };
    expect(keys).toHaveLength(2);
    expect(keys[0]?.verifier_key).toBe(key);
    const before = await sizeSeenBy("board-01");
    await restart("board-01");
    await mesh.until(async () => (await sizeSeenBy("board-01")) > before);
    expect((await statusOf("board-01")).ledger.dispute).toBe("");
    await withoutCoordinator(() => {});
    await runOnce();
  });

  it("leave a ledger that is verified by whoever knows its first key, single proofs with those that follow", async () => {
    const last = (await mesh.cohort("ledger", "keys")).stdout.trim().split("\n").at(-1) ?? "";
    for (const it of [key, last.split(" ")[0] ?? ""]) {
      expect(await mesh.cohort("ledger", "verify", "--key", it)).toMatchObject({ exit: 0 });
    }
    const proof = ["--proof", file("one.tlog-proof"), "--key", key];
    await mesh.cohort("ledger", "prove", "1", "-O", file("one.tlog-proof"));
    expect(await mesh.cohort("ledger", "verify", ...proof)).toMatchObject({ exit: 4 });
    await mesh.cohort("ledger", "keys", "-O", file("keys"));
    const followed = await mesh.cohort("ledger", "verify", ...proof, "--keys", file("keys"));
    expect(followed).toMatchObject({ exit: 0 });
    const swapped = readFileSync(file("keys"), "utf8").replace(/(\S{20})=*\n$/, "AAAA$1\n");
    writeFileSync(file("swapped"), swapped);
    const refused = await mesh.cohort("ledger", "verify", ...proof, "--keys", file("swapped"));
    expect(refused).toMatchObject({ exit: 4 });
  });

  it("find out an old database that was restored, and work on (78)", async () => {
    await withoutCoordinator(() => keepFiles("old"));
    await runOnce();
    await restart("board-01");
    const old = await sizeSeenBy("board-01");
    await mesh.until(async () => (await sizeSeenBy("board-01")) > old);
    await withoutCoordinator(() => restoreFiles("old"));

    await restart("board-01");
    await mesh.until(async () => (await statusOf("board-01")).ledger.dispute !== "");
    const { status, out } = await agent("board-01", "status");
    expect(status).toBe(4);
    expect(out).toMatch(/ledger: {5}ALARM: it was rolled back from \d+ entries to \d+/);
    expect(mesh.program("board-01").log).toContain("ALARM: LEDGER_FORKED");
    expect(mesh.program("coordinator").log).toContain("LEDGER_FORKED");
    const listed = await mesh.cohort("ledger", "witnesses");
    expect(listed.exit).toBe(4);
    expect(listed.stdout).toMatch(/board-01 .*it was rolled back/);
    const disputes = (await readLedger(mesh)).filter(
      ({ event }) => event.$case === "ledgerDisputed",
    );
    expect(disputes).toHaveLength(1);
    expect(disputes[0]?.event.value).toMatchObject({ node: "board-01" });
    // A plant does not stand still for it.
    await runOnce();
  });

  it("go on when an operator settles it, and keep what was contradicted", async () => {
    const held = await sizeSeenBy("board-01");
    const unknown = await mesh.cohort("ledger", "settle", "board-2", "--reason", "x");
    expect(unknown.stderr).toContain("ENTRY_UNKNOWN");
    const settled = await mesh.cohort("ledger", "settle", "--all", "--reason", "backup of Monday");
    expect(settled.stdout).toContain("board-01");
    await restart("board-01");
    await mesh.until(async () => (await statusOf("board-01")).ledger.dispute === "");
    expect((await statusOf("board-01")).ledger.settled).toBe(1);
    expect((await agent("board-01", "status")).status).toBe(0);
    expect((await mesh.cohort("ledger", "witnesses")).exit).toBe(0);
    const record = JSON.parse(readFileSync(join(nodeData("board-01"), "witness"), "utf8")) as {
      settled: { held: string; conflict: string }[];
    };
    expect(parseCheckpointBody(record.settled[0]?.held ?? "").size).toBe(held);
    // And is as watchful as before.
    await runOnce();
    const size = await sizeSeenBy("board-01");
    await restart("board-01");
    await mesh.until(async () => (await sizeSeenBy("board-01")) > size);
  });

  it("show a fork of which each saw one side, without a coordinator (79)", async () => {
    // It asks now, and then not for minutes.
    const { takenMs } = (await statusOf("board-02")).ledger;
    await restart("board-02");
    await mesh.until(async () => (await statusOf("board-02")).ledger.takenMs > takenMs);
    await withoutCoordinator(() => keepFiles("fork"));
    const common = await sizeSeenBy("board-02");
    await runOnce();
    await restart("board-01");
    await mesh.until(async () => (await sizeSeenBy("board-01")) > common);
    await mesh.program("board-01").kill("SIGTERM");

    // The other side: the same ledger up to there, and another run.
    await withoutCoordinator(() => restoreFiles("fork"));
    const cordoned = await mesh.cohort("node", "cordon", "board-01", "--reason", "it is away");
    expect(cordoned.exit).toBe(0);
    await runOnce();
    await restart("board-02");
    await mesh.until(async () => (await sizeSeenBy("board-02")) > common);
    expect((await statusOf("board-02")).ledger.dispute).toBe("");

    for (const node of ["board-01", "board-02"]) {
      writeFileSync(file(`${node}.note`), (await agent(node, "witness")).out);
    }
    const verify = (...notes: string[]) =>
      mesh.cohort(
        ...["ledger", "verify", "--key", key, "--keys", file("keys"), "--witnessed", ...notes],
      );
    expect(await verify(file("board-02.note"))).toMatchObject({ exit: 0 });
    const forked = await verify(file("board-02.note"), file("board-01.note"));
    expect(forked.exit).toBe(4);
    expect(forked.stderr).toContain("LEDGER_FORKED");
    expect(forked.stderr).toContain("board-01.note");

    // And at once when the first comes to the other side.
    await mesh.program("board-01").start();
    await mesh.until(async () => (await statusOf("board-01")).ledger.dispute !== "");
    expect(existsSync(join(nodeData("board-01"), "witness"))).toBe(true);
  });
});
