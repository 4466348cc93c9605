import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { artifactsOf } from "../../src/artifacts/artifacts.ts";
import { runView } from "../../src/history/run-view.ts";
import { decideCancel } from "../../src/scheduler/decide-cancel.ts";
import { decideRerun } from "../../src/scheduler/decide-rerun.ts";
import { decideRetry } from "../../src/scheduler/decide-retry.ts";
import { decideSkip } from "../../src/scheduler/decide-skip.ts";
import type { FormerRun } from "../../src/scheduler/former-run.ts";
import { schedulerLimits } from "../../src/scheduler/limits.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { worldWith } from "./world.ts";

const flow = `kind: workflow
name: flow
inputs: { size: { type: number, default: 1 } }
steps:
  - { id: build, run: "true" }
  - { id: probe, run: "true", continue_on_failure: true }
  - { id: use, depends: [build], run: "true", with: { seen: "\${{ steps.build.output.n }}" } }
  - { id: ship, depends: [use, probe], run: "true" }
  - { id: other, run: "true" }
on_failure:
  - { id: tell, run: "true" }
finally:
  - { id: sweep, run: "true" }
`;

const failed = { outcome: "failed", code: "STEP_EXIT", exit: 1, message: "no" };
type World = Awaited<ReturnType<typeof worldWith>>;

const none = { startedWith: () => null };
const formerOf = (it: World, run: string): FormerRun => runView(it.state, it.runOf(run));

const retry = (it: World, run: string, { from = "", key = "", as = "again" } = {}) => {
  const former = formerOf(it, run);
  const request = { run: as, from, actor: "ann", idempotencyKey: key };
  return it.writer.decide((state) => decideRetry(state, former, request, none));
};
const rerun = (it: World, run: string, { latest = false, key = "", as = "again" } = {}) => {
  const former = formerOf(it, run);
  const request = { run: as, latest, actor: "ann", idempotencyKey: key };
  return it.writer.decide((state) => decideRerun(state, former, request, none));
};

/** A run of the flow in which `use` failed. */
async function failedRun(it: World, inputs: Record<string, unknown> = {}): Promise<string> {
  const { run } = await it.start("flow", "", inputs);
  await it.finish(run, "build", { outputJson: '{"n":7}' });
  await it.finish(run, "probe", failed);
  await it.finish(run, "other");
  await it.finish(run, "use", failed);
  for (const step of ["tell", "sweep"]) await it.finish(run, step);
  return run;
}

describe("a retried run", () => {
  it.each([
    ["queue", "running"],
    ["skip", "cancelled"],
  ] as const)(
    "waits for its place (%s), though all before `finally` is taken over",
    async (overflow, end) => {
      const grouped = `concurrency: { group: g, overflow: ${overflow} }\nsteps:\n  - { id: build, run: "true" }`;
      const it = await worldWith(flow.replace(/steps:[\s\S]*(?=finally)/, `${grouped}\n`));
      const { run: former } = await it.start("flow");
      await it.finish(former, "build");
      await it.finish(former, "sweep", failed);
      const { run: holder } = await it.start("flow");
      await retry(it, former);
      const waits = { queue: "queued", skip: "cancelled" } as const;
      expect(it.runOf("again").state).toBe(waits[overflow]);
      await it.finish(holder, "build");
      await it.finish(holder, "sweep");
      expect(it.runOf("again").state).toBe(end);
      if (end === "running") await it.finish("again", "sweep");
      expect(it.runOf("again").steps.get("build")?.state).toBe("succeeded");
      expect([it.state.runs.active.size, it.state.runs.ready.size]).toEqual([0, 0]);
    },
  );

  it("does again what failed and what depends on it, and takes the rest over", async () => {
    const it = await worldWith(flow);
    const former = await failedRun(it, { size: 4 });
    const before = JSON.stringify(formerOf(it, former));
    expect(await retry(it, former)).toEqual({ run: "again", existing: false });
    expect(it.stateOf("again")).toEqual({
      build: "succeeded",
      probe: "failed",
      use: "running",
      ship: "waiting",
      other: "succeeded",
      tell: "waiting",
      sweep: "waiting",
    });
    expect(it.open()).toEqual(["use[0]#1@node-a"]);
    const { inputs, retryOf, steps, version } = it.runOf("again");
    expect([inputs, retryOf, version]).toEqual([{ size: 4 }, former, it.runOf(former).version]);
    expect(steps.get("build")).toMatchObject({
      taken: true,
      instances: [{ attempt: 1, node: "node-a", result: { outputJson: '{"n":7}' } }],
    });
    for (const step of ["use", "ship", "sweep"]) await it.finish("again", step);
    expect(it.runOf("again")).toMatchObject({ state: "succeeded" });
    expect(it.stateOf("again")["tell"]).toBe("skipped");
    expect(JSON.stringify(formerOf(it, former))).toBe(before);
    expect(it.runOf(former).state).toBe("failed");
  });

  it("does what it was cut off from when it was cancelled, and keeps what was skipped", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await it.finish(run, "build");
    const skip = { run, step: "other", reason: "not today", actor: "bob" };
    await it.writer.decide((state) => decideSkip(state, { ...skip, role: "operator" }));
    await it.writer.decide(({ runs }) => decideCancel(runs, { run, hard: true, actor: "bob" }));
    await retry(it, run);
    expect(it.open()).toEqual(["probe[0]#1@node-a", "use[0]#1@node-a"]);
    expect(it.runOf("again").steps.get("other")).toMatchObject({
      state: "skipped",
      skippedBy: "bob",
      reason: "not today",
    });
    for (const step of ["probe", "use", "ship", "sweep"]) await it.finish("again", step);
    expect(it.runOf("again").state).toBe("succeeded");
  });

  it("does what its timeout cut off, also where a failure is passed over", async () => {
    const it = await worldWith(`kind: workflow
name: short
timeout: 5s
steps:
  - { id: a, run: "true" }
  - { id: b, run: "true", continue_on_failure: true }
`);
    const { run } = await it.start("short");
    await it.finish(run, "a");
    await it.pass(5_000);
    expect(it.runOf(run).reason).toContain("RUN_TIMEOUT");
    await retry(it, run);
    expect(it.open()).toEqual(["b[0]#1@node-a"]);
  });

  it("begins with the step that is named, and leaves all beside it as it was", async () => {
    const it = await worldWith(flow);
    const former = await failedRun(it);
    await retry(it, former, { from: "other" });
    expect(it.open()).toEqual(["other[0]#1@node-a"]);
    await it.finish("again", "other");
    for (const step of ["tell", "sweep"]) await it.finish("again", step);
    // What failed and was not done again has failed still.
    expect(it.runOf("again")).toMatchObject({ state: "failed", failure: "use" });
  });

  it("of one that succeeded needs a step, and does it and all after it again", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    for (const step of ["build", "probe", "other", "use", "ship", "sweep"]) {
      await it.finish(run, step, { outputJson: '{"n":1}' });
    }
    await expect(retry(it, run)).rejects.toMatchObject({ code: "RUN_SUCCEEDED" });
    await retry(it, run, { from: "use" });
    expect(it.open()).toEqual(["use[0]#1@node-a"]);
    for (const step of ["use", "ship", "sweep"]) await it.finish("again", step);
    expect(it.runOf("again").state).toBe("succeeded");
  });

  it("goes straight to its last part when only that had failed", async () => {
    const it = await worldWith(`kind: workflow
name: last
steps: [{ id: a, run: "true" }]
finally: [{ id: sweep, run: "true" }]
`);
    const { run } = await it.start("last");
    await it.finish(run, "a");
    await it.finish(run, "sweep", failed);
    await retry(it, run);
    expect(it.open()).toEqual(["sweep[0]#1@node-a"]);
    await it.finish("again", "sweep");
    expect(it.runOf("again").state).toBe("succeeded");
    await expect(retry(it, run, { from: "sweep" })).rejects.toMatchObject({ code: "USAGE" });
  });

  it("can be retried in turn", async () => {
    const it = await worldWith(flow);
    const former = await failedRun(it);
    await retry(it, former);
    await it.finish("again", "use");
    await it.finish("again", "ship", failed);
    for (const step of ["tell", "sweep"]) await it.finish("again", step);
    await retry(it, "again", { as: "third" });
    expect(it.open()).toEqual(["ship[0]#1@node-a"]);
    expect(it.runOf("third").steps.get("build")?.instances[0]?.result?.outputJson).toBe('{"n":7}');
  });

  it("takes many outputs over in entries that stay small, and in their order", async () => {
    const it = await worldWith(`kind: workflow
name: fan
steps:
  - { id: all, for_each: [1, 2, 3, 4, 5, 6, 7, 8], run: "true" }
  - { id: use, depends: [all], run: "true" }
`);
    const { run } = await it.start("fan");
    const big = "x".repeat(schedulerLimits.takenBytesMax / 4);
    for (let at = 0; at < 8; at++) {
      await it.finish(run, "all", { outputJson: JSON.stringify(`${at}${big}`) }, at);
    }
    await it.finish(run, "use", failed);
    await retry(it, run);
    const taken = it.recorded.filter(({ event }) => event.$case === "stepTaken");
    expect(taken.length).toBeGreaterThan(1);
    for (const { event } of taken) {
      expect(JSON.stringify(event).length).toBeLessThan(schedulerLimits.takenBytesMax * 1.5);
    }
    const outputs = it
      .runOf("again")
      .steps.get("all")
      ?.instances.map((i) => i.result?.outputJson);
    expect(outputs).toEqual(
      it
        .runOf(run)
        .steps.get("all")
        ?.instances.map((i) => i.result?.outputJson),
    );
    expect(it.open()).toEqual(["use[0]#1@node-a"]);
  });

  it("has the files of the steps that it takes over, and of no other", async () => {
    const it = await worldWith(flow);
    const former = await failedRun(it);
    for (const step of ["build", "use"]) {
      const attempt = { run: former, step, instance: 0, attempt: 1 };
      const value = { attempt, name: "log", sha256: new Uint8Array(32).fill(7), size: 9 };
      await it.record({ $case: "artifactStored", value });
    }
    await retry(it, former);
    const { artifacts } = it.state;
    expect(artifactsOf(artifacts, "again")).toMatchObject([
      { step: "build", name: "log", size: 9 },
    ]);
    expect([...artifacts.contents.values()]).toEqual([{ size: 9, references: 3 }]);
  });

  it("is the same when the log is replayed, whatever failed and whatever is named", async () => {
    const outcome = fc.constantFrom({}, failed);
    const names = ["", "build", "probe", "use", "ship", "other"];
    await fc.assert(
      fc.asyncProperty(
        fc.array(outcome, { minLength: 16, maxLength: 16 }),
        fc.constantFrom(...names),
        async (outcomes, from) => {
          const it = await worldWith(flow);
          const { run } = await it.start("flow");
          const left = [...outcomes];
          const playOut = async (id: string) => {
            for (let turn = 0; turn < 20 && it.runOf(id).state === "running"; turn++) {
              const [next] = it.open();
              if (next === undefined) throw new Error(`${id} goes on and does nothing`);
              await it.finish(id, next.split("[")[0] as string, left.pop() ?? {});
            }
            expect(it.runOf(id).state).not.toBe("running");
          };
          await playOut(run);
          const done = await retry(it, run, { from }).catch((error: unknown) => error);
          if (!(done instanceof Error)) await playOut("again");
          const replayed = emptyState();
          for (const recorded of it.recorded) applyEvent(replayed, recorded);
          expect(replayed.runs).toEqual(it.state.runs);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("a retry is refused", () => {
  it("of a run that goes on, and with a step that is not there, the nearest named", async () => {
    const it = await worldWith(flow);
    const former = await failedRun(it);
    const { run } = await it.start("flow");
    await expect(retry(it, run)).rejects.toMatchObject({ code: "RUN_NOT_ENDED" });
    await expect(retry(it, former, { from: "shipp" })).rejects.toMatchObject({
      code: "STEP_UNKNOWN",
      problems: [{ hint: 'Did you mean "ship"?' }],
    });
  });

  it("from a step that would only be skipped again", async () => {
    const it = await worldWith(flow);
    const former = await failedRun(it);
    await expect(retry(it, former, { from: "ship" })).rejects.toMatchObject({
      code: "STEP_BLOCKED",
      message: "step ship depends on use, which failed",
    });
    expect(it.state.runs.byId.has("again")).toBe(false);
  });

  it("when an output that it needs is kept no more", async () => {
    const it = await worldWith(flow);
    const former = formerOf(it, await failedRun(it));
    const steps = former.steps.map((step) => ({
      ...step,
      instances: step.instances.map((one) => ({ ...one, outputOmitted: true })),
    }));
    const request = { run: "again", from: "", actor: "ann", idempotencyKey: "" };
    const done = it.writer.decide((state) =>
      decideRetry(state, { ...former, steps }, request, none),
    );
    await expect(done).rejects.toMatchObject({ code: "RETRY_INCOMPLETE" });
  });
});

describe("a rerun", () => {
  it("has the inputs of the former run, of whatever state, and does all of it", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow", "", { size: 9 });
    await rerun(it, run);
    expect(it.runOf("again")).toMatchObject({
      inputs: { size: 9 },
      rerunOf: run,
      retryOf: "",
      version: it.runOf(run).version,
    });
    expect(it.stateOf("again")).toEqual(it.stateOf(run));
  });

  it("keeps its version, or is of the newest when that takes its inputs", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow", "", { size: 9 });
    await it.apply(flow.replace("default: 1 }", "default: 1 }, unit: { default: mm }"));
    await rerun(it, run, { as: "same" });
    expect(it.runOf("same").version).toBe(it.runOf(run).version);
    await rerun(it, run, { latest: true, as: "newer" });
    expect(it.runOf("newer")).toMatchObject({ inputs: { size: 9, unit: "mm" } });
    await it.apply(flow.replace("size: {", "width: {"));
    await expect(rerun(it, run, { latest: true })).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: 'workflow flow has no input "size"',
    });
  });
});

describe("an idempotency key", () => {
  it("makes a second retry or rerun the first one", async () => {
    const it = await worldWith(flow);
    const former = await failedRun(it);
    await retry(it, former, { key: "k" });
    expect(await retry(it, former, { key: "k", as: "b" })).toEqual({
      run: "again",
      existing: true,
    });
    await rerun(it, former, { key: "r", as: "c" });
    expect(await rerun(it, former, { key: "r", as: "d" })).toEqual({ run: "c", existing: true });
    await expect(rerun(it, former, { key: "x".repeat(257) })).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
    });
  });
});
