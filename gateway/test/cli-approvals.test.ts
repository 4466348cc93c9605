import type { Approval, DecideApprovalRequest } from "@cohort/proto/gen/cohort/console";
import { describe, expect, it } from "vitest";
import { useCli } from "./kit/cli.ts";
import { Refusal } from "./kit/fake-console.ts";

const cli = useCli();
const { run } = cli;

const approval = (instance: number): Approval => ({
  attempt: { run: "R", step: "ask", instance, attempt: 2 },
  workflow: "press",
  prompt: "Slow \u001b[2Jpress?",
  roles: ["operator", "approver"],
  sinceMs: 1,
  untilMs: 2,
});
const waiting = (...instances: number[]) => {
  cli.fake.handlers["Approvals.list"] = () => ({ approvals: instances.map(approval) });
};
const decided = () =>
  cli.fake.requests
    .filter(({ method }) => method === "Approvals.decide")
    .map(({ request }) => request as DecideApprovalRequest);

describe("cohort approvals", () => {
  it("lists what waits, with nothing in it that a terminal would act on", async () => {
    waiting(0, 3);
    const { status, stdout } = await run(["approvals"]);
    expect(status).toBe(0);
    expect(stdout).toContain("ask[3]");
    expect(stdout).toContain("Slow \\x1b[2Jpress?");
    const { stdout: json } = await run(["approvals", "-o", "json"]);
    expect(JSON.parse(json).approvals[1]).toMatchObject({ run: "R", step: "ask", instance: 3 });
  });
});

describe("cohort approve", () => {
  it("shows the prompt and decides on the attempt that it was shown for", async () => {
    waiting(0);
    cli.fake.handlers["Approvals.decide"] = () => ({});
    const { status, stderr } = await run(["approve", "R", "ask", "--deny", "--comment", "hot"]);
    expect(status).toBe(0);
    expect(stderr).toContain("Slow \\x1b[2Jpress?");
    const attempt = { run: "R", step: "ask", instance: 0, attempt: 2 };
    expect(decided()).toEqual([{ attempt, approve: false, comment: "hot" }]);
  });

  it("wants to know which instance when several wait", async () => {
    waiting(1, 4);
    cli.fake.handlers["Approvals.decide"] = () => ({});
    expect(await run(["approve", "R", "ask"])).toMatchObject({ status: 2 });
    expect(decided()).toEqual([]);
    waiting(1, 4);
    expect(await run(["approve", "R", "ask", "--instance", "4"])).toMatchObject({ status: 0 });
    expect(decided()[0]?.attempt?.instance).toBe(4);
    expect(await run(["approve", "R", "ask", "--instance", "-1"])).toMatchObject({ status: 2 });
  });

  it("says what the coordinator says of a step that waits for nothing", async () => {
    waiting();
    cli.fake.handlers["Approvals.decide"] = () => {
      throw new Refusal("APPROVAL_DECIDED", "anna approved this at noon");
    };
    const { status, stderr } = await run(["approve", "R", "ask"]);
    expect(status).toBe(4);
    expect(stderr).toContain("APPROVAL_DECIDED anna approved this at noon");
  });
});
