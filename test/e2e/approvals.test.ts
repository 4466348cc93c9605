import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../kit/cli.ts";
import { readLedger } from "../kit/history.ts";
import { TestMesh } from "../kit/mesh.ts";
import { applySteps } from "../kit/step-runs.ts";

describe("a step that asks people, end to end", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  const asApprover = (...argv: string[]) =>
    runCli(["--context", mesh.approverContext, "-o", "json", ...argv]);
  const waiting = async () => {
    const { stdout } = await mesh.cohort("approvals", "-o", "json");
    return (JSON.parse(stdout) as { approvals: { run: string; prompt: string }[] }).approvals;
  };
  const start = async (roles: string) => {
    const steps = `  - id: ask
    approve: { prompt: "Slow \${{ run.workflow }}?", roles: [${roles}] }
  - { id: wait, depends: [ask], sleep: 10ms }
`;
    const workflow = await applySteps(mesh, steps);
    const run = await mesh.run(workflow);
    await mesh.until(async () => (await waiting()).some((it) => it.run === run));
    return { workflow, run };
  };

  it("still asks after the coordinator was killed, and goes on when a person approves", async () => {
    const { workflow, run } = await start("operator, approver");
    const before = await waiting();
    await mesh.program("coordinator").kill("SIGKILL");
    await mesh.program("coordinator").start();
    expect(await waiting()).toEqual(before);
    expect(before[0]).toMatchObject({ run, workflow, prompt: `Slow ${workflow}?` });
    const decided = await asApprover("approve", run, "ask", "--comment", "go on");
    expect(decided).toMatchObject({ exit: 0 });
    expect(decided.stderr).toContain(`Slow ${workflow}?`);
    const ended = await mesh.ended(run);
    expect(ended.state).toBe("succeeded");
    expect(JSON.parse(ended.steps[0]?.instances[0]?.outputJson ?? "")).toMatchObject({
      approved: true,
      by: "approver",
      comment: "go on",
    });
    const second = await mesh.cohort("approve", run, "ask", "--deny");
    expect(second).toMatchObject({ exit: 4 });
    expect(second.stderr).toContain("APPROVAL_DECIDED approver approved this at");
    const events = (await readLedger(mesh)).map(({ event }) => event);
    const decisions = events.filter((it) => it.$case === "approvalDecided");
    expect(decisions).toMatchObject([{ value: { role: "approver", approved: true } }]);
  });

  it("fails the run when a person with the role refuses, whoever else may look on", async () => {
    const { run } = await start("approver");
    const operator = await mesh.cohort("approve", run, "ask");
    expect(operator).toMatchObject({ exit: 4 });
    expect(operator.stderr).toContain("FORBIDDEN");
    await asApprover("approve", run, "ask", "--deny", "--comment", "too hot");
    const ended = await mesh.ended(run);
    expect(ended).toMatchObject({
      state: "failed",
      reason: "step ask: APPROVAL_DENIED approver refused: too hot",
    });
  });

  it("shows an approver what the approver may decide, and nothing else of the mesh", async () => {
    const { run } = await start("operator");
    const shown = await asApprover("approvals");
    expect(JSON.parse(shown.stdout)).toEqual({ approvals: [] });
    for (const argv of [["status"], ["cancel", run], ["nodes"], ["secret", "list"], ["budget"]]) {
      const refused = await asApprover(...argv);
      expect(refused).toMatchObject({ exit: 4, stdout: "" });
      expect(refused.stderr).toContain("FORBIDDEN");
    }
    await mesh.cohort("cancel", run);
    expect((await mesh.ended(run)).state).toBe("cancelled");
    expect(await waiting()).toEqual([]);
  });
});
