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
