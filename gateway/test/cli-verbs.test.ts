import { Run } from "@cohort/proto/gen/cohort/console";
import { describe, expect, it } from "vitest";
import { useCli } from "./kit/cli.ts";
import { Refusal } from "./kit/fake-console.ts";
import { runOf, startedRun } from "./kit/sample-run.ts";

const cli = useCli();
const { run } = cli;
const pause = { actor: "ann", reason: "oil \u202eleak", sinceMs: 2000 };

describe("cohort pause and cohort resume", () => {
  it("say what was asked for, and whether anything changed", async () => {
    let changed = true;
    cli.fake.handlers["Runs.pause"] = () => ({ changed });
    cli.fake.handlers["Runs.resume"] = () => ({ changed });
    const paused = await run(["pause", "01RUN", "--reason", "oil leak"]);
    expect(paused).toMatchObject({
      status: 0,
      stdout: "01RUN is paused; `cohort resume 01RUN` lets it go on\n",
    });
    expect((await run(["resume", "01RUN"])).stdout).toBe("01RUN goes on\n");
    changed = false;
    const again = await run(["pause", "01RUN", "-o", "json"]);
    expect(JSON.parse(again.stdout)).toEqual({ run: "01RUN", changed: false });
    expect((await run(["resume", "01RUN"])).stdout).toBe("01RUN was not paused\n");
    expect(cli.fake.requests.map(({ request }) => request)).toEqual([
      { run: "01RUN", reason: "oil leak" },
      { run: "01RUN" },
      { run: "01RUN", reason: "" },
      { run: "01RUN" },
    ]);
  });

  it("end with the status of a refusal, and need a run", async () => {
    cli.fake.handlers["Runs.pause"] = () => {
      throw new Refusal("RUN_UNKNOWN", 'no run has the id "x"');
    };
    const { status, stdout, stderr } = await run(["pause", "x"]);
    expect([status, stdout]).toEqual([4, ""]);
    expect(stderr).toContain('RUN_UNKNOWN no run has the id "x"');
    expect((await run(["resume"])).status).toBe(2);
  });
});

describe("a paused run", () => {
  it("is shown as such, with who paused it and why, in plain characters", async () => {
    cli.fake.handlers["Runs.get"] = () => runOf("running", { pause });
    cli.fake.handlers["Runs.list"] = () => ({ runs: [runOf("running", { pause })] });
    const shown = (await run(["status", "01RUN"])).stdout;
    expect(shown).toMatch(/^paused by ann at [-: \d]+: oil \\u\{202e\}leak$/m);
    const listed = (await run(["status"])).stdout;
    expect(listed).toMatch(/01RUN +press +paused +operator .* paused by ann at /);
    const { stdout } = await run(["status", "01RUN", "-o", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      state: "running",
      pause: { actor: "ann", reason: pause.reason, since_ms: 2000 },
    });
  });

  it("is told of to who follows it, once it is and once it goes on", async () => {
    cli.fake.handlers["Runs.start"] = () => startedRun;
    cli.fake.handlers["Runs.watch"] = () => [
      runOf("running"),
      runOf("running", { pause }),
      runOf("running", { pause }),
      runOf("running"),
      runOf("succeeded"),
    ];
    const { status, stderr } = await run(["run", "press", "-w"]);
    expect(status).toBe(0);
    expect(stderr.match(/^the run: .*$/gm)).toEqual([
      expect.stringMatching(/^the run: paused by ann at .*leak$/),
      "the run: goes on",
    ]);
  });
});

describe("cohort retry and cohort rerun", () => {
  it("print the new run's id, and send what was asked for", async () => {
    const started = () => ({ run: "02RUN", existing: false });
    Object.assign(cli.fake.handlers, { "Runs.retry": started, "Runs.rerun": started });
    const all = [
      ["retry", "01RUN"],
      ["retry", "01RUN", "--from", "sample", "--idempotency-key", "k"],
      ["rerun", "01RUN", "--latest"],
    ];
    for (const argv of all) {
      expect(await run(argv)).toMatchObject({ status: 0, stdout: "02RUN\n" });
    }
    expect(cli.fake.requests.map(({ request }) => request)).toEqual([
      { run: "01RUN", from: "", idempotencyKey: "" },
      { run: "01RUN", from: "sample", idempotencyKey: "k" },
      { run: "01RUN", latest: true, idempotencyKey: "" },
    ]);
  });

  it("follow the new run, and end with 3 when it fails", async () => {
    cli.fake.handlers["Runs.retry"] = () => ({ run: "02RUN", existing: true });
    cli.fake.handlers["Runs.watch"] = () => [runOf("failed", { run: "02RUN", retryOf: "01RUN" })];
    const { status, stdout, stderr } = await run(["retry", "01RUN", "-w"]);
    expect(status).toBe(3);
    expect(stderr).toContain("run 02RUN (started before with this key)");
    expect(stdout).toContain("retry of 01RUN, 0 steps taken over\n");
  });

  it("end with the status of a refusal, and its remedy", async () => {
    cli.fake.handlers["Runs.retry"] = () => {
      throw new Refusal("STEP_UNKNOWN", 'workflow press has no step "smaple"', "Did you mean x?");
    };
    const { status, stderr } = await run(["retry", "01RUN", "--from", "smaple"]);
    expect(status).toBe(4);
    expect(stderr).toContain('STEP_UNKNOWN workflow press has no step "smaple"\n  Did you mean');
  });
});

describe("cohort skip", () => {
  it("needs a reason, and says what is skipped", async () => {
    cli.fake.handlers["Runs.skip"] = () => ({});
    const { status, stderr } = await run(["skip", "01RUN", "sample"]);
    expect([status, cli.fake.requests.length]).toEqual([2, 0]);
    expect(stderr).toContain("required option '--reason <text>' not specified");
    const skipped = await run(["skip", "01RUN", "sample", "--reason", "sensor is gone"]);
    expect(skipped).toMatchObject({ status: 0, stdout: "step sample of 01RUN is skipped\n" });
    expect(cli.fake.requests[0]?.request).toEqual({
      run: "01RUN",
      step: "sample",
      reason: "sensor is gone",
    });
  });
});

describe("a run with steps that did not run in it", () => {
  it("is shown with who skipped them and why, and what was taken over", async () => {
    const [ran] = runOf("succeeded").steps;
    const steps = [
      { ...ran, taken: true },
      { step: "cut", kind: "run", state: "skipped", reason: "gone", skippedBy: "ann" },
    ];
    const shown = Run.fromPartial({ ...runOf("succeeded"), retryOf: "00RUN", steps });
    cli.fake.handlers["Runs.get"] = () => shown;
    const table = (await run(["status", "01RUN"])).stdout;
    expect(table).toContain("retry of 00RUN, 1 steps taken over\n");
    expect(table).toMatch(/^sample +edge-1 +succeeded +taken +/m);
    expect(table).toMatch(/^cut +- +skipped +- +- +by ann: gone$/m);
    const { stdout } = await run(["status", "01RUN", "-o", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      retry_of: "00RUN",
      rerun_of: null,
      steps: [
        { taken: true, skipped_by: null },
        { taken: false, skipped_by: "ann" },
      ],
    });
  });
});
