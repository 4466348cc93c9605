import { Schedule } from "@cohort/proto/gen/cohort/console";
import { describe, expect, it } from "vitest";
import { useCli } from "./kit/cli.ts";
import { startedRun } from "./kit/sample-run.ts";

const cli = useCli();
const { run } = cli;

describe("cohort schedules", () => {
  it("shows when each is due next and what became of its last time", async () => {
    const schedule = Schedule.fromPartial({
      workflow: "press",
      cron: "0 6 * * *",
      timezone: "UTC",
      dueMs: 5,
      lastDueMs: 3,
      lastOutcome: "missed",
      lastReason: "the coordinator was away",
    });
    cli.fake.handlers["Schedules.list"] = () => ({ schedules: [schedule] });
    const { stdout } = await run(["schedules", "--workflow", "press"]);
    expect(stdout).toMatch(/press +0 6 \* \* \* +UTC +1970[\s\S]*missed the coordinator was away/);
    expect(cli.fake.requests[0]?.request).toEqual({ workflow: "press" });
    const json = JSON.parse((await run(["schedules", "-o", "json"])).stdout) as object;
    expect(json).toMatchObject({ schedules: [{ due_ms: 5, waiting_ms: null, last_due_ms: 3 }] });
  });
});

describe("cohort run", () => {
  it("says that the run waits for its group, or was not let in", async () => {
    cli.fake.handlers["Runs.start"] = () => ({ ...startedRun, state: "queued" });
    const queued = await run(["run", "press"]);
    expect(queued).toMatchObject({ status: 0, stdout: "01RUN\n" });
    expect(queued.stderr).toContain("waits for a place");
    const reason = "GROUP_FULL group x is held by run 01OTHER";
    cli.fake.handlers["Runs.start"] = () => ({ ...startedRun, state: "cancelled", reason });
    expect((await run(["run", "press"])).stderr).toContain("held by run 01OTHER");
  });
});
