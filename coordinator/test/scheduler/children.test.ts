import { limits } from "@cohort/proto/limits";
import type { Workflow } from "@cohort/proto/resources/workflow";
import { describe, expect, it } from "vitest";
import { createDispatcher } from "../../src/dispatch/dispatcher.ts";
import { decideCancel } from "../../src/scheduler/decide-cancel.ts";
import { decideStartChild } from "../../src/scheduler/decide-child.ts";
import { decidePause, decideResume } from "../../src/scheduler/decide-pause.ts";
import { findActive } from "../../src/scheduler/runs.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { checkSources } from "../../src/workflow/workflow.ts";
import { worldWith } from "./world.ts";

type World = Awaited<ReturnType<typeof worldWith>>;

const child = `kind: workflow
name: child
inputs: { size: { type: number }, note: { default: none } }
outputs: { doubled: "\${{ inputs.size * 2.0 }}", left: "\${{ steps.work.output }}" }
steps: [{ id: work, run: "true" }]
finally: [{ id: sweep, run: "true" }]
`;
const parent = (step: string, head = "") => `kind: workflow
name: parent
${head}
steps:
  - { id: sub, workflow: child, with: { size: 21 }${step} }
  - { id: after, depends: [sub], run: "true", env: { X: "\${{ steps.sub.output.doubled }}" } }
`;

/** A world that starts sub-workflows as the dispatcher does. */
async function setUp(text: string) {
  const it = await worldWith(text);
  const starts = { newId: it.newId, history: it.log.history };
  it.listen((events) => {
    for (const { event } of events) {
      if (event.$case !== "attemptScheduled" || event.value.node !== "") continue;
      const key = event.value.attempt;
      const { run = "", step = "" } = key ?? {};
      if (key === undefined || it.runOf(run).steps.get(step)?.kind !== "workflow") continue;
      void it.writer.decide((state) => decideStartChild(state, key, starts));
    }
  });
  return it;
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));
const begin = async (it: World, name = "parent") => {
  const { run } = await it.start(name);
  await settled();
  return run;
};
const childOf = (it: World, run: string, at = 0) =>
  it.runOf(run).steps.get("sub")?.instances[at]?.child as string;
const end = async (it: World, run: string) => {
  await it.finish(run, "work", { outputJson: '"ok"' });
  await it.finish(run, "sweep");
};
const cancel = (it: World, run: string, hard = false) =>
  it.writer.decide(({ runs }) => decideCancel(runs, { run, hard, actor: "ann" }));
const failed = { outcome: "failed", code: "STEP_EXIT", exit: 1, message: "no" };

describe("a step that runs a workflow", () => {
  it("starts a run with its `with` as inputs, and ends with that run's outputs", async () => {
    const it = await setUp(`${child}---\n${parent("")}`);
    const run = await begin(it);
    const sub = it.runOf(childOf(it, run));
    expect(sub).toMatchObject({ workflow: "child", trigger: "workflow", depth: 1 });
    expect(sub.parent).toEqual({ run, step: "sub", instance: 0, attempt: 1 });
    expect(sub.inputs).toEqual({ size: 21, note: "none" });
    await end(it, sub.run);
    expect(it.runOf(run).steps.get("sub")?.instances[0]?.result?.outputJson).toBe(
      '{"doubled":42,"left":"ok"}',
    );
    expect(it.stateOf(run)).toEqual({ sub: "succeeded", after: "running" });
    expect(it.runOf(sub.run).outputsJson).toBe('{"doubled":42,"left":"ok"}');
  });

  it("fails with the child's run and step, and starts another one when it is tried again", async () => {
    const it = await setUp(`${child}---\n${parent(", retry: { limit: 1 }")}`);
    const run = await begin(it);
    const first = childOf(it, run);
    await it.finish(first, "work", failed);
    await it.finish(first, "sweep");
    await settled();
    const second = childOf(it, run);
    expect(second).not.toBe(first);
    await it.finish(second, "work", failed);
    await it.finish(second, "sweep");
    expect(it.stateOf(run)).toEqual({ sub: "failed", after: "skipped" });
    expect(it.runOf(run).reason).toBe(
      `step sub: RUN_FAILED run ${second} of child failed: step work: STEP_EXIT no`,
    );
  });

  it("cancels its child when it is cancelled, softly or hard", async () => {
    const it = await setUp(`${child}---\n${parent("")}`);
    const run = await begin(it);
    const sub = childOf(it, run);
    await cancel(it, run);
    expect(it.runOf(run).state).toBe("cancelled");
    expect(it.stateOf(sub)).toEqual({ work: "cancelled", sweep: "running" });
    expect(it.runOf(sub).stopReason).toBe(`RUN_CANCELLED with step sub of run ${run}`);
    const other = await begin(it);
    await cancel(it, other, true);
    expect(it.runOf(childOf(it, other))).toMatchObject({ state: "cancelled" });
  });

  it("cancels them all when its run lasts too long, or the first of many fails", async () => {
    const it = await setUp(`${child}---\n${parent(", for_each: [1, 2]", "timeout: 1m")}`);
    const run = await begin(it);
    const [one, other] = [childOf(it, run, 0), childOf(it, run, 1)];
    await it.finish(one, "work", failed);
    await it.finish(one, "sweep");
    expect(it.stateOf(run)).toEqual({ sub: "failed", after: "skipped" });
    expect(it.runOf(other).stopOutcome).toBe("cancelled");
    const late = await begin(it);
    await it.pass(60_000);
    expect(it.runOf(childOf(it, late)).stopOutcome).toBe("cancelled");
  });

  it("fails when its child is cancelled, or may not be started", async () => {
    const it = await setUp(`${child}---\n${parent("")}`);
    const run = await begin(it);
    await cancel(it, childOf(it, run), true);
    expect(it.runOf(run).reason).toMatch(/^step sub: RUN_CANCELLED run \w+ of child cancelled/);
    await it.apply(child.replace("size: { type: number }", "size: { type: boolean }"));
    const other = await begin(it);
    expect(it.runOf(other).reason).toContain('INPUT_INVALID input "size" must be a boolean');
  });

  it("fails its run when the outputs have no value, or are too large", async () => {
    const it = await setUp(`${child.replace("inputs.size * 2.0", "steps.work.output.x")}`);
    const { run } = await it.start("child", "", { size: 1 });
    await end(it, run);
    expect(it.runOf(run).reason).toMatch(/^EXPRESSION_INVALID outputs: /);
  });

  it("starts one child however often it is asked, and is the same when replayed", async () => {
    const it = await setUp(`${child}---\n${parent("")}`);
    const run = await begin(it);
    const key = { run, step: "sub", instance: 0, attempt: 1 };
    const starts = { newId: it.newId, history: it.log.history };
    expect(decideStartChild(it.state, key, starts).events).toEqual([]);
    const replayed = emptyState();
    for (const recorded of it.recorded) applyEvent(replayed, recorded);
    expect(replayed.runs).toEqual(it.state.runs);
    expect(findActive(replayed.runs, key)?.child).toBe(childOf(it, run));
  });

  it("lies only so deep", async () => {
    const it = await setUp(`${child}---\n${parent("")}`);
    // Applied one after the other by two people at once, a circle is not seen.
    await it.apply(child.replace("steps: [", "steps: [{ id: sub, workflow: parent }, "));
    await it.start("parent");
    for (let wait = 0; wait < 2 * limits.workflowDepthMax; wait++) await settled();
    const runs = [...it.state.runs.byId.values()];
    expect(Math.max(...runs.map(({ depth }) => depth))).toBe(limits.workflowDepthMax);
    const deepest = runs.find(({ depth }) => depth === limits.workflowDepthMax);
    const [step] = deepest?.steps.values() ?? [];
    expect(step).toMatchObject({ state: "failed" });
    expect(step?.reason).toMatch(/^WORKFLOW_DEPTH/);
  });

  it("does not wait for a group that its own run holds", async () => {
    const group = "concurrency: { group: press }";
    const it = await setUp(
      `${child.replace("outputs:", `${group}\noutputs:`)}---\n${parent("", group)}`,
    );
    const run = await begin(it);
    expect(it.runOf(run)).toMatchObject({ state: "failed" });
    expect(it.runOf(run).reason).toContain(`GROUP_DEADLOCK group "press" is held by run ${run}`);
  });
});

describe("a dispatcher that starts anew", () => {
  it("starts the sub-workflow that was not started before", async () => {
    const it = await worldWith(`${child}---\n${parent("")}`);
    const { run } = await it.start("parent");
    expect(childOf(it, run)).toBe("");
    const none = () => Promise.reject(new Error("nothing is sent"));
    const dispatcher = createDispatcher({
      writer: it.writer,
      history: it.log.history,
      newId: it.newId,
      reports: { started: none, ended: none } as never,
      mesh: { dispatch: none, cancel: none },
      sealToken: () => new Uint8Array(),
      call: none,
      sleep: none,
      onFault: () => {},
    });
    await dispatcher.resume();
    await settled();
    expect(it.runOf(childOf(it, run)).workflow).toBe("child");
    dispatcher.close();
  });
});

describe("what is applied", () => {
  it.each([
    [
      "an unknown input",
      parent("").replace("size: 21", "size: 21, nope: 1"),
      'no input \\"nope\\"',
    ],
    ["a missing input", parent("").replace("size: 21", "note: x"), 'input \\"size\\"'],
    ["a wrong type", parent("").replace("size: 21", "size: big"), "must be a number"],
    [
      "a wrong type of expression",
      parent("").replace("size: 21", 'size: "${{ 1 > 2 }}"'),
      "must be",
    ],
    ["a useless key", parent(", timeout: 1m"), "means nothing in a workflow step"],
    ["itself", parent("").replace("workflow: child", "workflow: parent"), "WORKFLOW_CYCLE"],
  ])("is refused when it names %s", async (_, text, message) => {
    const world = worldWith(`${child}---\n${text}`);
    await expect(world).rejects.toThrow(message);
  });

  it("is refused when no workflow has the name, with the nearest that there is", () => {
    const text = `${child}---\n${parent("").replace("workflow: child", "workflow: chidl")}`;
    const { problems } = checkSources([{ path: "a.yaml", text }], () => false);
    expect(problems).toMatchObject([
      { code: "RESOURCE_REFERENCE_UNKNOWN", hint: 'Did you mean "child"?' },
    ]);
  });

  it("is checked against the workflows that stand", () => {
    const files = [
      { path: "a.yaml", text: child.replace("steps: [", "steps: [{ id: up, workflow: parent }, ") },
    ];
    const standing = checkSources([{ path: "b.yaml", text: parent("") }], () => true).resources[0];
    const { problems } = checkSources(
      files,
      () => true,
      (name) => (name === "parent" ? (standing?.definition as Workflow) : null),
    );
    expect(problems.map(({ code }) => code)).toEqual(["WORKFLOW_CYCLE"]);
  });

  it("is refused when workflows start one another in a circle", async () => {
    const back = child.replace("steps: [", "steps: [{ id: up, workflow: parent }, ");
    await expect(worldWith(`${back}---\n${parent("")}`)).rejects.toThrow(
      "parent -> child -> parent",
    );
  });

  it("is refused when an output reads a step that is not there", async () => {
    const text = child.replace("steps.work.output", "steps.wrok.output");
    await expect(worldWith(text)).rejects.toThrow("wrok");
  });
});

describe("a paused run", () => {
  const onNodes = (it: World) => it.open().filter((attempt) => !attempt.endsWith("@"));
  const pause = (it: World, run: string) =>
    it.writer.decide(({ runs }) => decidePause(runs, { run, reason: "", actor: "ann" }));
  const resume = (it: World, run: string) =>
    it.writer.decide(({ runs }) => decideResume(runs, { run, actor: "ann" }));

  it("holds its sub-workflows back, however deep, and lets them go on with it", async () => {
    const top = `kind: workflow\nname: top\nsteps: [{ id: sub, workflow: parent }]\n`;
    const it = await setUp(`${child}---\n${parent("")}---\n${top}`);
    const run = await begin(it, "top");
    const middle = childOf(it, run);
    const lowest = childOf(it, middle);
    expect(onNodes(it)).toHaveLength(1);
    await pause(it, run);
    await it.finish(lowest, "work", { outputJson: "1" });
    expect(onNodes(it)).toEqual([]);
    expect(it.runOf(lowest).pause).toMatchObject({ actor: "ann", above: run });
    await resume(it, run);
    expect([middle, lowest].map((id) => it.runOf(id).pause)).toEqual([null, null]);
    await it.finish(lowest, "sweep");
    expect(it.stateOf(middle)).toMatchObject({ sub: "succeeded" });
  });

  it("leaves a sub-workflow paused that was so by itself", async () => {
    const it = await setUp(`${child}---\n${parent("")}`);
    const run = await begin(it);
    const below = childOf(it, run);
    await pause(it, below);
    await pause(it, run);
    await resume(it, run);
    expect(it.runOf(below).pause).toMatchObject({ above: "" });
    expect(it.runOf(run).pause).toBeNull();
  });

  it("holds a sub-workflow back that was asked for before, and starts after", async () => {
    const it = await worldWith(`${child}---\n${parent("")}`);
    const { run } = await it.start("parent");
    await pause(it, run);
    const starts = { newId: it.newId, history: it.log.history };
    const key = { run, step: "sub", instance: 0, attempt: 1 };
    await it.writer.decide((state) => decideStartChild(state, key, starts));
    const below = childOf(it, run);
    expect(it.runOf(below).pause).toMatchObject({ above: run });
    expect(onNodes(it)).toEqual([]);
    await resume(it, run);
    expect(onNodes(it)).toHaveLength(1);
  });

  it("lets what follows its pause go on when it is cancelled", async () => {
    const it = await setUp(`${child}---\n${parent("")}`);
    const run = await begin(it);
    const below = childOf(it, run);
    await pause(it, run);
    await cancel(it, run);
    expect(it.runOf(below)).toMatchObject({ pause: null, stopOutcome: "cancelled" });
  });
});
