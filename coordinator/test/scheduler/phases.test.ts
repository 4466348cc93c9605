import { describe, expect, it } from "vitest";
import { worldWith } from "./world.ts";

const failed = { outcome: "failed", code: "STEP_EXIT", exit: 1, message: "no" };

const flow = `kind: workflow
name: flow
timeout: 1m
steps:
  - { id: build, run: "true" }
  - { id: probe, run: "true", continue_on_failure: true }
  - { id: use, depends: [build, probe], run: "true" }
  - { id: mend, depends: "build.failed || (build && probe.failed)", run: "true" }
on_failure:
  - { id: tell, run: "true", env: { WHY: "\${{ steps.build.outcome }}" } }
finally:
  - { id: sweep, run: "true" }
  - { id: report, depends: [sweep], if: "\${{ run.failed }}", run: "true" }
`;

describe("depends", () => {
  it("starts a step for the end that it asks for, and skips it for another", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await it.finish(run, "probe");
    expect(it.stateOf(run)["mend"]).toBe("waiting");
    await it.finish(run, "build");
    expect(it.stateOf(run)).toMatchObject({ use: "running", mend: "skipped" });
    expect(it.runOf(run).steps.get("mend")?.reason).toBe(
      "not so: build.failed || (build && probe.failed)",
    );
  });

  it("takes a failure that is to be passed over for an end to go on after", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await it.finish(run, "probe", failed);
    await it.finish(run, "build");
    expect(it.stateOf(run)).toMatchObject({ probe: "failed", use: "running", mend: "running" });
    for (const step of ["use", "mend", "sweep"]) await it.finish(run, step);
    expect(it.runOf(run)).toMatchObject({ state: "succeeded", reason: "" });
    expect(it.stateOf(run)).toMatchObject({ tell: "skipped", report: "skipped" });
  });
});

describe("on_failure and finally", () => {
  it("begin when all steps before have ended, and leave the run's outcome to these", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await it.finish(run, "probe");
    await it.finish(run, "build", failed);
    expect(it.stateOf(run)).toMatchObject({ mend: "running", tell: "waiting", sweep: "waiting" });
    await it.finish(run, "mend");
    expect(it.open()).toEqual(["tell[0]#1@node-a"]);
    await it.finish(run, "tell");
    expect(it.open()).toEqual(["sweep[0]#1@node-a"]);
    await it.finish(run, "sweep");
    await it.finish(run, "report");
    expect(it.runOf(run)).toMatchObject({
      state: "failed",
      reason: "step build: STEP_EXIT no",
    });
  });

  it("skip what is for a failure when there was none, and never what is for the end", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    for (const step of ["build", "probe", "use"]) await it.finish(run, step);
    expect(it.runOf(run).steps.get("tell")).toMatchObject({
      state: "skipped",
      reason: "no step failed",
    });
    expect(it.open()).toEqual(["sweep[0]#1@node-a"]);
  });

  it("fail the run when a last step fails", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    for (const step of ["build", "probe", "use"]) await it.finish(run, step);
    await it.finish(run, "sweep", failed);
    expect(it.runOf(run)).toMatchObject({ state: "failed", reason: "step sweep: STEP_EXIT no" });
    expect(it.stateOf(run)["report"]).toBe("skipped");
  });

  it("follow a run's timeout, which ends what runs, skips what waits, and does not end them", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await it.finish(run, "probe");
    await it.pass(60_000);
    expect(it.stateOf(run)).toMatchObject({ build: "failed", use: "skipped", mend: "skipped" });
    expect(it.runOf(run).steps.get("build")?.instances[0]?.state).toBe("cancelled");
    expect(it.open()).toEqual(["tell[0]#1@node-a"]);
    await it.pass(60_000);
    for (const step of ["tell", "sweep", "report"]) await it.finish(run, step);
    expect(it.runOf(run).state).toBe("failed");
    expect(it.runOf(run).reason).toMatch(/^RUN_TIMEOUT/);
  });

  it("are refused dependencies on what ends before them anyway, and ids that are taken", async () => {
    const withLast = (last: string) => worldWith(flow.replace("{ id: sweep,", `{ id: ${last},`));
    await expect(withLast("sweep, depends: [build]")).rejects.toThrow("STEP_DEPENDS_UNKNOWN");
    await expect(withLast("build")).rejects.toThrow("RESOURCE_DUPLICATE");
    await expect(
      worldWith(flow.replace("WHY: ", `LAST: "\${{ steps.sweep.output }}", WHY: `)),
    ).rejects.toThrow("has not ended");
  });
});
