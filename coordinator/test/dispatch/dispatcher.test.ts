import type { Cancel, Dispatch } from "@cohort/proto/gen/cohort/node";
import { type Problem, problem } from "@cohort/proto/problem";
import { describe, expect, it } from "vitest";
import { createDispatcher } from "../../src/dispatch/dispatcher.ts";
import { createReportDesk } from "../../src/dispatch/report-desk.ts";
import type { EventLog } from "../../src/log/log.ts";
import { openMemoryLog } from "../../src/log/memory.ts";
import { decideCancel } from "../../src/scheduler/decide-cancel.ts";
import { signer } from "../log/samples.ts";
import { createWorld } from "../scheduler/world.ts";

const workflow = `kind: workflow
name: flow
steps:
  - { id: work, run: "true" }
  - id: ticket
    depends: [work]
    call: { service: desk, path: "/\${{ steps.work.output.id }}" }
`;

/** A world with its dispatcher; the test says what the node answers. */
async function setUp(endedPartsMax?: number, log?: EventLog) {
  const world = createWorld(workflow, log, [], endedPartsMax);
  const recalled: Cancel[] = [];
  const sent: Dispatch[] = [];
  const called: string[] = [];
  const batches: number[] = [];
  const node = { answer: (_: Dispatch): readonly Problem[] => [] };
  const faults: unknown[] = [];
  const create = () =>
    createDispatcher({
      writer: world.writer,
      history: world.log.history,
      newId: world.newId,
      reports: createReportDesk({
        writer: world.writer,
        gather: setImmediate,
        sleep: () => settled(),
        signal: new AbortController().signal,
      }),
      mesh: {
        async dispatch(_, dispatches) {
          sent.push(...dispatches);
          batches.push(dispatches.length);
          return dispatches.map((it) => node.answer(it));
        },
        cancel: async (_, cancel) => void recalled.push(cancel),
      },
      sealToken: () => new Uint8Array(),
      async call(_, work) {
        called.push(`${work.path} ${work.idempotencyKey}`);
        return { problems: [], status: 200, headers: [], body: new Uint8Array() };
      },
      sleep: () => settled(),
      onFault: (error) => faults.push(error),
    });
  const dispatcher = create();
  world.listen(dispatcher.onEvents);
  await world.apply();
  await world.addNode("node-a");
  return { world, sent, batches, recalled, called, node, faults, dispatcher, create };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const unreachable = [problem("UNREACHABLE", "away")];

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 200 && !condition(); turn++) await settled();
  expect(condition()).toBe(true);
}

describe("the dispatcher", () => {
  it("recalls what a cancelled run had on its node, also when the run has left memory", async () => {
    const { world, recalled } = await setUp(0);
    const runs = [await world.start("flow"), await world.start("flow")].map(({ run }) => run);
    await settled();
    await world.writer.decide(({ runs: state }) => {
      const cancels = runs.map((run) => decideCancel(state, { run, hard: true, actor: "test" }));
      return { events: cancels.flatMap(({ events }) => events), value: undefined };
    });
    expect(world.state.runs.byId.size).toBe(1);
    expect(recalled).toEqual(
      expect.arrayContaining(
        runs.map((run) => ({
          attempt: { run, step: "work", instance: 0, attempt: 1 },
          hard: true,
        })),
      ),
    );
  });

  it("hands an attempt over until the node answers, always the same attempt", async () => {
    const { world, sent, node } = await setUp();
    const answers = [unreachable, unreachable, []];
    node.answer = () => answers.shift() ?? [];
    const { run } = await world.start("flow");
    await until(() => sent.length === 3);
    expect(new Set(sent.map((it) => JSON.stringify(it.attempt))).size).toBe(1);
    await until(
      () => world.state.runs.byId.get(run)?.steps.get("work")?.instances[0]?.state === "accepted",
    );
  });

  it("waits for a node that is gone, and hands over when a heartbeat brings it back", async () => {
    const { world, sent, node } = await setUp();
    node.answer = () => unreachable;
    await world.start("flow");
    await until(() => sent.length > 1);
    await world.record({ $case: "nodeDisconnected", value: { node: "node-a", reason: "silent" } });
    await settled();
    await settled();
    const before = sent.length;
    for (let turn = 0; turn < 20; turn++) await settled();
    expect(sent.length).toBe(before);
    node.answer = () => [];
    const facts = world.state.fleet.nodes.get("node-a")?.facts;
    await world.record({ $case: "nodeConnected", value: { node: "node-a", facts } });
    await until(() => sent.length === before + 1);
  });

  it("sends a node that comes back nothing that the disk does not hold yet", async () => {
    const writes: (() => void)[] = [];
    let held = false;
    const write = (run: () => void) => (held ? void writes.push(run) : run());
    const { world, sent } = await setUp(undefined, openMemoryLog({ signer, write }));
    await world.record({ $case: "nodeDisconnected", value: { node: "node-a", reason: "silent" } });
    held = true;
    const facts = world.state.fleet.nodes.get("node-a")?.facts;
    const back = world.record({ $case: "nodeConnected", value: { node: "node-a", facts } });
    await settled();
    const started = world.start("flow");
    expect(world.open()).toEqual(["work[0]#1@node-a"]);
    writes.shift()?.();
    await back;
    for (let turn = 0; turn < 20; turn++) await settled();
    expect(sent).toEqual([]);
    writes.shift()?.();
    await started;
    await until(() => sent.length === 1);
  });

  it("sends an attempt again after a restart only if it was never accepted", async () => {
    const { world, sent, node, dispatcher, create } = await setUp();
    await world.start("flow");
    await until(() => world.open().length === 1 && sent.length === 1);
    node.answer = () => unreachable;
    await world.start("flow");
    await until(() => sent.length > 1);
    dispatcher.close();
    await settled();
    await settled();
    sent.length = 0;
    node.answer = () => [];
    await create().resume();
    await until(() => sent.length === 1);
    expect(sent[0]?.attempt?.run).toBe("run2");
  });

  it("makes a call again after a restart, with the same idempotency key, as another attempt", async () => {
    const { world, called, create, dispatcher } = await setUp();
    const { run } = await world.start("flow");
    await settled();
    dispatcher.close();
    await world.finish(run, "work", { outputJson: '{"id": 7}' });
    expect(world.open()).toEqual(["ticket[0]#1@"]);
    expect(called).toEqual([]);
    const second = create();
    world.listen(second.onEvents);
    await second.resume();
    await world.pass(1_000);
    await until(() => called.length === 1);
    expect(called).toEqual([`/7 ${run}/ticket[0]`]);
    await until(() => world.state.runs.byId.get(run)?.state === "succeeded");
    expect(world.state.runs.byId.get(run)?.steps.get("ticket")?.instances[0]?.attempt).toBe(2);
  });

  it("fails the step when an expression has no value, and reports no fault", async () => {
    const { world, faults } = await setUp();
    const { run } = await world.start("flow");
    await settled();
    await world.finish(run, "work", { outputJson: "[]" });
    await until(() => world.state.runs.byId.get(run)?.state === "failed");
    expect(world.state.runs.byId.get(run)?.reason).toContain("EXPRESSION_INVALID");
    expect(faults).toEqual([]);
  });

  it("hands over what one commit scheduled on a node as one, and each attempt has its own answer", async () => {
    const { world, sent, batches, node } = await setUp();
    const faulty = [problem("DISPATCH_INVALID", "this one alone")];
    const away = new Set(["run3"]);
    node.answer = ({ attempt }) => {
      if (attempt?.run === "run2") return faulty;
      return away.delete(attempt?.run ?? "") ? unreachable : [];
    };
    await Promise.all([world.start("flow"), world.start("flow"), world.start("flow")]);
    await until(() => sent.length === 4);
    expect(batches).toEqual([3, 1]);
    expect(sent[3]?.attempt?.run).toBe("run3");
    await until(() => world.state.runs.byId.get("run2")?.state === "failed");
    const states = ["run1", "run3"].map((run) => world.runOf(run).steps.get("work")?.instances[0]);
    await until(() => states.every((it) => it?.state === "accepted"));
  });

  it("fails the step when the node refuses the dispatch", async () => {
    const { world, node } = await setUp();
    node.answer = () => [problem("DISPATCH_INVALID", "not signed")];
    const { run } = await world.start("flow");
    await until(() => world.state.runs.byId.get(run)?.state === "failed");
    expect(world.state.runs.byId.get(run)?.reason).toContain("DISPATCH_INVALID");
  });
});
