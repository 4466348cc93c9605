import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Desk } from "../kit/desk.ts";
import { readLedger } from "../kit/history.ts";
import { TestMesh } from "../kit/mesh.ts";
import { dataOf } from "../kit/mesh-place.ts";
import { RogueNode } from "../kit/rogue-node.ts";
import { applySteps } from "../kit/step-runs.ts";

/** A filesystem of its own takes root; where there is none, coordinator/test/log/crash has the file that cannot grow. */
const canMount = process.getuid?.() === 0 && mounts();

let mesh: TestMesh;
let workflow: string;
let mounted = "";

beforeAll(async () => {
  if (!canMount) return;
  mesh = await TestMesh.start({
    prepare(home) {
      mounted = join(home, "coordinator");
      mkdirSync(mounted, { mode: 0o700 });
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=96m,mode=700", "tmpfs", mounted]);
    },
  });
  await mesh.startAgents({ "board-01": {} });
  workflow = await applySteps(mesh, '  - { id: only, run: "echo done" }\n');
});
afterAll(async () => {
  for (const program of [...(mesh?.programs.values() ?? [])].reverse()) {
    await program.kill("SIGTERM");
  }
  if (mounted !== "") execFileSync("umount", ["-l", mounted]);
  await mesh?.stop();
});

const filler = () => join(dataOf(mesh), "filler");
const reserve = () => join(dataOf(mesh), "reserve");

/** To the last byte. */
function fillDisk(): void {
  const file = openSync(filler(), "w");
  try {
    for (let piece = 1024 * 1024; piece > 0; ) {
      try {
        writeSync(file, Buffer.alloc(piece, 1));
      } catch {
        piece = Math.floor(piece / 2);
      }
    }
  } finally {
    closeSync(file);
  }
}

describe.skipIf(!canMount)("a coordinator whose disk is full", () => {
  it("says so to who asks, does nothing, gives its reserve back and ends (80)", async () => {
    expect(existsSync(reserve())).toBe(true);
    fillDisk();
    const coordinator = mesh.program("coordinator");
    // The log's file has pages to spare for some entries; what does not fit is refused.
    let refusal = "";
    while (refusal === "") {
      refusal = await mesh.run(workflow).then(
        () => "",
        (error: Error & { code: string }) => `${error.code}: ${error.message}`,
      );
    }
    expect(refusal).toMatch(/^LEDGER_UNWRITABLE: the log cannot be written: .*(full|I\/O)/);
    await coordinator.ended();
    expect(existsSync(reserve())).toBe(false);
    expect(coordinator.log).toContain("the log cannot be written; the coordinator stops");
    const { bavail, bsize } = statfsSync(dataOf(mesh));
    expect(bavail * bsize).toBeGreaterThan(8 * 1024 * 1024);
  });

  it("does not start while there is no more room than its reserve, and says what it needs", async () => {
    const said = await mesh.program("coordinator").start().then(String, String);
    expect(said).toContain("LEDGER_UNWRITABLE");
    expect(said).toContain("Make room: 32 MiB at least");
  });

  it("goes on from all that it had recorded when there is room again", async () => {
    rmSync(filler());
    await mesh.program("coordinator").start();
    await mesh.until(async () => (await mesh.runsOf(workflow)).length >= 0);
    expect(existsSync(reserve())).toBe(true);
    expect(await mesh.cohort("ledger", "verify")).toMatchObject({ exit: 0 });
    // Runs that were answered with yes are there, and those that were refused are not.
    const runs = await mesh.runsOf(workflow);
    const started = (await readLedger(mesh)).filter(({ event }) => event.$case === "runStarted");
    expect(started).toHaveLength(runs.length);
    const ended = await mesh.ended(await mesh.run(workflow));
    expect(ended).toMatchObject({ state: "succeeded" });
  });
});

describe.skipIf(!canMount)("a disk that fills while a call is out", () => {
  it("keeps the answer from its caller, and what was held until an operator decides (80)", async () => {
    const desk = await Desk.start(mesh);
    const node = await RogueNode.start(mesh, "caller");
    try {
      await mesh.apply([{ path: "calling.yaml", text: calling }]);
      const run = await mesh.run("calling");
      const token = (await node.assigned(run, "ask")).token?.token ?? "";
      const held = desk.hold();
      const call = node.call(node.request(token, 1));
      await held.reached;
      fillDisk();
      const coordinator = mesh.program("coordinator");
      // What the log's file has to spare is used up first: the call's own outcome is to find none.
      while (await mesh.run(workflow).then(Boolean, () => false));
      held.answer();
      await coordinator.ended();
      expect(call.replies.filter(({ status, last }) => last && status === 201)).toEqual([]);
      rmSync(filler());
      await coordinator.start();
      await mesh.until(async () => (await mesh.getRun(run)).charges[0]?.state === "uncertain");
      const { charges } = await mesh.getRun(run);
      expect(charges).toMatchObject([{ service: "desk", nanoUsd: 10_000_000 }]);
      expect(await mesh.cohort("ledger", "verify")).toMatchObject({ exit: 0 });
      const id = charges[0]?.call ?? "";
      expect(await mesh.cohort("budget", "reconcile", id, "--charge-hold")).toMatchObject({
        exit: 0,
      });
      expect((await mesh.getRun(run)).charges[0]?.state).toBe("posted");
      expect(desk.requests).toHaveLength(1);
    } finally {
      await node.close();
      await desk.stop();
    }
  });
});

const calling = `kind: workflow
name: calling
steps:
  - id: ask
    nodes: { select: "node.name == 'caller'" }
    command: ["true"]
    grants: { services: [desk] }
`;

/** Containers may forbid it to root too. */
function mounts(): boolean {
  const probe = join("/tmp", `cohort-mount-${process.pid}`);
  mkdirSync(probe);
  try {
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", probe], { stdio: "ignore" });
    execFileSync("umount", [probe]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}
