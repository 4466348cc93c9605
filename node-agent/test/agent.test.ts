import { Cancel, type Dispatch } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { afterEach, describe, expect, it } from "vitest";
import type { StepPlay } from "../node/sandbox.ts";
import { FakeMesh } from "./kit/fake-mesh.ts";
import { MemoryDisk } from "./kit/memory-files.ts";
import { dispatchOf, startNode, type TestNode, testHost } from "./kit/node.ts";

const nodes: TestNode[] = [];
const forever: StepPlay = () => new Promise(() => {});

async function start(...given: Parameters<typeof startNode>): Promise<TestNode> {
  const node = await startNode(...given);
  nodes.push(node);
  return node;
}

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop();
});

function keyOf(dispatch: Dispatch) {
  if (dispatch.attempt === undefined) throw new Error("no attempt");
  return dispatch.attempt;
}

const sigkill = { code: -1, signal: "SIGKILL" };

describe("a dispatched step", () => {
  it("is accepted, runs, and is reported in order: started, log, finished", async () => {
    const node = await start(async (step) => {
      step.write(1, "hello\n");
      step.leave("output.json", new TextEncoder().encode('{"rms":4.5}'));
    });
    const dispatch = dispatchOf("r1");
    expect((await node.mesh.dispatch(dispatch)).problems).toEqual([]);
    await node.until(() => node.mesh.finished(keyOf(dispatch)) !== undefined);
    expect(node.mesh.events.map((event) => event.event?.$case)).toEqual([
      "started",
      "log",
      "finished",
    ]);
    expect(node.mesh.finished(keyOf(dispatch))).toMatchObject({
      outcome: "succeeded",
      code: "",
      outputJson: '{"rms":4.5}',
      usage: { memoryPeakBytes: 1_048_576 },
    });
    const numbers = node.mesh.events.map((event) => event.seq);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });

  it("runs beside those that came in the same message, each refused or taken by itself", async () => {
    const started: string[] = [];
    const node = await start(
      async (step) => void started.push(step.spec.environment["COHORT_RUN"] ?? ""),
      { slots: 2 },
    );
    const faulty = dispatchOf("faulty", { work: undefined });
    const all = [dispatchOf("r1"), faulty, dispatchOf("r1"), dispatchOf("r2"), dispatchOf("r3")];
    const { refusals } = await node.mesh.dispatch(...all);
    expect(refusals.map(({ index, problems }) => [index, problems[0]?.code])).toEqual([
      [1, "DISPATCH_INVALID"],
      [4, "NODE_BUSY"],
    ]);
    const [first, second] = [keyOf(dispatchOf("r1")), keyOf(dispatchOf("r2"))];
    await node.until(() => node.mesh.finished(first) !== undefined);
    await node.until(() => node.mesh.finished(second) !== undefined);
    expect(started).toEqual(["r1", "r2"]);
  });

  it("is refused with a message that holds more than a message may", async () => {
    const node = await start(forever);
    const many = Array.from({ length: limits.dispatchBatchMax + 1 }, (_, at) =>
      dispatchOf(`r${at}`),
    );
    const { problems, refusals } = await node.mesh.dispatch(...many);
    expect(problems.map((it) => it.code)).toEqual(["DISPATCH_INVALID"]);
    expect(refusals).toEqual([]);
    expect(node.mesh.events).toEqual([]);
  });

  it("runs once when it is dispatched twice", async () => {
    let runs = 0;
    const node = await start(async () => void runs++);
    const dispatch = dispatchOf("r1");
    const replies = await Promise.all([node.mesh.dispatch(dispatch), node.mesh.dispatch(dispatch)]);
    await node.until(() => node.mesh.finished(keyOf(dispatch)) !== undefined);
    replies.push(await node.mesh.dispatch(dispatch));
    expect(replies.flatMap((reply) => reply.problems)).toEqual([]);
    expect(runs).toBe(1);
  });

  it("is refused with NODE_BUSY while every slot is taken", async () => {
    const node = await start(forever, { slots: 1 });
    await node.mesh.dispatch(dispatchOf("r1"));
    const reply = await node.mesh.dispatch(dispatchOf("r2"));
    expect(reply.problems.map((problem) => problem.code)).toEqual(["NODE_BUSY"]);
  });

  it("is not accepted while the journal cannot be written", async () => {
    const node = await start(async () => {});
    node.disk.full = true;
    const reply = await node.mesh.dispatch(dispatchOf("r1"));
    node.disk.full = false;
    expect(reply.problems.map((problem) => problem.code)).toEqual(["INTERNAL"]);
    expect((await node.mesh.dispatch(dispatchOf("r1"))).problems).toEqual([]);
  });

  it.each([
    ["STEP_EXIT", "exit status 3: it broke", { code: 3 }],
    ["STEP_MEMORY", "more memory than its 64MiB", { ...sigkill, killed: "memory" as const }],
    ["STEP_CPU", "more processor time", { ...sigkill, killed: "cpu" as const }],
    ["STEP_DISK", "16MiB was full; exit status 1: it broke", { code: 1, killed: "disk" as const }],
    ["STEP_PIDS", "all of its 64 processes; exit", { code: 2, killed: "pids" as const }],
    ["STEP_SIGNAL", "SIGSEGV", { code: -1, signal: "SIGSEGV" }],
  ])("fails with %s when its program ends so", async (code, message, exit) => {
    const node = await start(async (step) => {
      step.write(2, "first\nit \u001b[31mbroke\u001b[0m\n\n");
      return exit;
    });
    const dispatch = dispatchOf("r1");
    await node.mesh.dispatch(dispatch);
    await node.until(() => node.mesh.finished(keyOf(dispatch)) !== undefined);
    const finished = node.mesh.finished(keyOf(dispatch));
    expect(finished).toMatchObject({ outcome: "failed", code, usage: { cpuMs: 1 } });
    expect(finished?.message).toContain(message);
    expect(finished?.killed).toBe("killed" in exit ? exit.killed : undefined);
  });

  it("fails with STEP_TIMEOUT when it outlives its timeout", async () => {
    const node = await start(async (step) => {
      await step.killed;
      return { code: -1, signal: "SIGTERM" };
    });
    const dispatch = dispatchOf("r1", { timeoutMs: 20 });
    await node.mesh.dispatch(dispatch);
    await node.until(() => node.mesh.finished(keyOf(dispatch)) !== undefined);
    expect(node.mesh.finished(keyOf(dispatch))?.code).toBe("STEP_TIMEOUT");
  });

  it("fails with STEP_CANCELLED when it is cancelled", async () => {
    const node = await start(forever);
    const dispatch = dispatchOf("r1");
    await node.mesh.dispatch(dispatch);
    const cancel = Cancel.fromPartial({ attempt: keyOf(dispatch), hard: true });
    expect((await node.mesh.cancel(cancel)).problems).toEqual([]);
    await node.until(() => node.mesh.finished(keyOf(dispatch)) !== undefined);
    expect(node.mesh.finished(keyOf(dispatch))?.code).toBe("STEP_CANCELLED");
  });
});

describe("a node that was interrupted", () => {
  it("reports an attempt that ran when the power went as NODE_INTERRUPTED", async () => {
    const disk = new MemoryDisk();
    const first = await startNode(forever, { disk });
    const dispatch = dispatchOf("r1");
    await first.mesh.dispatch(dispatch);
    await first.until(() => first.mesh.events.length > 0);
    const last = first.mesh.events.at(-1)?.seq ?? 0;
    disk.losePower();
    const survivor = new MemoryDisk();
    for (const [path, bytes] of disk.contents) survivor.contents.set(path, bytes);
    await first.stop();
    const second = await start(async () => {}, { disk: survivor });
    await second.until(() => second.mesh.finished(keyOf(dispatch)) !== undefined);
    expect(second.mesh.finished(keyOf(dispatch))?.code).toBe("NODE_INTERRUPTED");
    expect(second.mesh.events.every((event) => event.seq > last)).toBe(true);
  });

  it("keeps a result until the coordinator has acknowledged it, and lists it until then", async () => {
    const disk = new MemoryDisk();
    const host = await testHost(async () => {});
    const deaf = new FakeMesh(host);
    deaf.acknowledging = false;
    const first = await startNode(async () => {}, { disk, mesh: deaf });
    const dispatch = dispatchOf("r1");
    const before = disk.syncs;
    await first.mesh.dispatch(dispatch);
    // One for what it accepted, one for its result, which may be there with the answer.
    await first.until(() => disk.syncs >= before + 2);
    await first.stop();
    const second = await start(async () => {}, { disk });
    const listed = second.mesh.hellos[0]?.inventory.map((item) => item.state);
    expect(listed).toEqual(["finished"]);
    await second.until(() => second.mesh.finished(keyOf(dispatch)) !== undefined);
    expect(second.mesh.finished(keyOf(dispatch))?.outcome).toBe("succeeded");
  });

  it("kills and forgets what was superseded meanwhile", async () => {
    let killed = false;
    const node = await start(async (step) => {
      killed = await step.killed;
    });
    const dispatch = dispatchOf("r1");
    await node.mesh.dispatch(dispatch);
    await node.until(() => node.mesh.events.length === 1);
    node.mesh.superseded = [keyOf(dispatch)];
    node.mesh.disconnect();
    await node.until(() => node.mesh.hellos.length === 2 && killed);
    expect(node.mesh.hellos[1]?.inventory.map((item) => item.state)).toEqual(["running"]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(node.mesh.finished(keyOf(dispatch))).toBeUndefined();
    expect((await node.mesh.dispatch(dispatch)).problems).toEqual([]);
    expect(node.mesh.events.filter((event) => event.event?.$case === "started")).toHaveLength(1);
  });
});
