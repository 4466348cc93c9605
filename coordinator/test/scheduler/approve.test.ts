import { createHash } from "node:crypto";
import type { Role } from "@cohort/proto/roles";
import { describe, expect, it } from "vitest";
import { formerRun } from "../../src/history/history.ts";
import { type ApprovalRequest, decideApproval } from "../../src/scheduler/decide-approval.ts";
import { forgetRun } from "../../src/scheduler/runs.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { worldWith } from "./world.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest();

const flow = (keys = "", rest = "") => `kind: workflow
name: flow
inputs: { press: { default: p1 } }
steps:
  - id: ask
    approve: { prompt: "Slow press \${{ inputs.press }}?", roles: [operator], timeout: 5m }
    ${keys}
  - { id: after, depends: [ask], run: "true", with: { by: "\${{ steps.ask.output.by }}" } }
${rest}`;

type World = Awaited<ReturnType<typeof worldWith>>;

const decide = (it: World, run: string, request: Partial<ApprovalRequest> = {}) => {
  const attempt = { run, step: "ask", instance: 0, attempt: 1 };
  const parts = { hash: sha256, former: (id: string) => formerRun(it.log.history, id) };
  const full = { attempt, approve: true, comment: "", actor: "anna", role: "operator" as Role };
  return it.writer.decide((state, nowMs) =>
    decideApproval(state.runs, { ...full, ...request }, nowMs, parts),
  );
};
const questions = (it: World) => [...it.state.runs.asked.values()].map(({ prompt }) => prompt);
const askStep = (it: World, run: string) => it.runOf(run).steps.get("ask");

describe("a step that asks a person", () => {
  it("waits without a node, shows what it asks, and gives the decision to what follows", async () => {
    const it = await worldWith(flow());
    const { run } = await it.start("flow", "", { press: "p7" });
    expect(questions(it)).toEqual(["Slow press p7?"]);
    expect(it.stateOf(run)).toEqual({ ask: "running", after: "waiting" });
    await decide(it, run, { comment: "go" });
    expect(questions(it)).toEqual([]);
    expect(it.stateOf(run)).toEqual({ ask: "succeeded", after: "running" });
    const output = JSON.parse(askStep(it, run)?.instances[0]?.result?.outputJson ?? "");
    expect(output).toEqual({
      approved: true,
      by: "anna",
      at: "1970-01-01T00:16:40.000Z",
      comment: "go",
    });
  });

  it("has who decided, as what, when, why and on which prompt in the ledger", async () => {
    const it = await worldWith(flow());
    const { run } = await it.start("flow");
    await decide(it, run, { comment: "go" });
    const decided = it.recorded.find(({ event }) => event.$case === "approvalDecided");
    expect(decided).toMatchObject({
      atMs: 1_000_000,
      event: {
        value: {
          attempt: { run, step: "ask", instance: 0, attempt: 1 },
          approved: true,
          actor: "anna",
          role: "operator",
          comment: "go",
          promptHash: sha256("Slow press p1?"),
        },
      },
    });
  });

  it("fails when the person refuses, and is not tried again however it may be retried", async () => {
    const it = await worldWith(flow("retry: { limit: 3 }"));
    const { run } = await it.start("flow");
    await decide(it, run, { approve: false, comment: "too hot" });
    expect(it.runOf(run)).toMatchObject({
      state: "failed",
      reason: "step ask: APPROVAL_DENIED anna refused: too hot",
    });
    expect(askStep(it, run)?.instances[0]).toMatchObject({ attempt: 1, state: "failed" });
  });

  it("fails when nobody decides in time, and may ask again", async () => {
    const it = await worldWith(flow("retry: { limit: 1, on: [APPROVAL_TIMEOUT] }"));
    const { run } = await it.start("flow");
    await it.pass(5 * 60_000);
    expect(questions(it)).toEqual(["Slow press p1?"]);
    expect(askStep(it, run)?.instances[0]).toMatchObject({ attempt: 2, state: "scheduled" });
    await it.pass(5 * 60_000);
    expect(it.runOf(run)).toMatchObject({
      state: "failed",
      reason: "step ask: APPROVAL_TIMEOUT nobody with the role operator decided in time",
    });
    expect(questions(it)).toEqual([]);
  });

  it("asks each instance of a fan-out by itself", async () => {
    const it = await worldWith(`kind: workflow
name: flow
steps:
  - id: ask
    for_each: [a, b]
    approve: { prompt: "\${{ item }}?", roles: [operator] }
`);
    const { run } = await it.start("flow");
    expect(questions(it).sort()).toEqual(["a?", "b?"]);
    await decide(it, run, { attempt: { run, step: "ask", instance: 1, attempt: 1 } });
    expect(questions(it)).toEqual(["a?"]);
    await decide(it, run);
    expect(it.runOf(run).state).toBe("succeeded");
  });

  it("no longer asks when its run is cancelled", async () => {
    const it = await worldWith(flow());
    const { run } = await it.start("flow");
    const stopping = { run, reason: "x", outcome: "cancelled", altogether: false, actor: "anna" };
    await it.record({ $case: "runStopping", value: stopping });
    expect(questions(it)).toEqual([]);
    await expect(decide(it, run)).rejects.toMatchObject({ code: "APPROVAL_UNKNOWN" });
  });

  it("still asks after a restart, the same and until the same moment", async () => {
    const it = await worldWith(flow());
    const { run } = await it.start("flow");
    const replayed = emptyState();
    for (const recorded of it.recorded) applyEvent(replayed, recorded);
    expect([...replayed.runs.asked]).toEqual([...it.state.runs.asked]);
    const [[instance] = []] = [...replayed.runs.asked];
    expect(instance).toMatchObject({ run, dueMs: 1_000_000 + 5 * 60_000 });
  });
});

describe("what a prompt holds of data", () => {
  const asking = (inputs: string) => `kind: workflow
name: flow
inputs: { text: { type: json } }
steps:
  - { id: ask, approve: { prompt: "\${{ ${inputs} }}", roles: [operator] } }
`;

  it("is shown with what would be invisible made visible", async () => {
    const it = await worldWith(asking("inputs.text"));
    await it.start("flow", "", { text: "ok\u202egnp\u001b[2J" });
    expect(questions(it)).toEqual(["ok\\u{202e}gnp\\x1b[2J"]);
  });

  it("is never evaluated again", async () => {
    const it = await worldWith(asking("inputs.text"));
    await it.start("flow", "", { text: "${{ run.id }}" });
    expect(questions(it)).toEqual(["${{ run.id }}"]);
  });

  it("fails the step when it is too long, or not there", async () => {
    const it = await worldWith(asking("inputs.text"));
    const long = await it.start("flow", "", { text: "x".repeat(2001) });
    expect(it.runOf(long.run).reason).toContain("LIMIT_EXCEEDED");
    const missing = await worldWith(asking("inputs.text.name"));
    const { run } = await missing.start("flow", "", { text: {} });
    expect(missing.runOf(run).reason).toContain("EXPRESSION_INVALID");
    expect(questions(missing)).toEqual([]);
  });
});

describe("a decision", () => {
  it("counts once: the second person is told who decided, and how", async () => {
    const it = await worldWith(flow());
    const { run } = await it.start("flow");
    const both = [decide(it, run), decide(it, run, { approve: false, actor: "ben" })];
    const [first, second] = await Promise.allSettled(both);
    expect(first?.status).toBe("fulfilled");
    expect(second).toMatchObject({
      reason: {
        code: "APPROVAL_DECIDED",
        message: "anna approved this at 1970-01-01T00:16:40.000Z",
      },
    });
    const attempt = { run, step: "ask", instance: 0, attempt: 0 };
    await expect(decide(it, run, { attempt })).rejects.toMatchObject({ code: "APPROVAL_DECIDED" });
    const decisions = it.recorded.filter(({ event }) => event.$case === "approvalDecided");
    expect(decisions).toHaveLength(1);
  });

  it("is still known when the run has ended and left memory", async () => {
    const [asking] = flow().split("  - { id: after");
    const it = await worldWith(asking as string);
    const { run } = await it.start("flow");
    await decide(it, run);
    forgetRun(it.state.runs, run);
    await expect(decide(it, run)).rejects.toMatchObject({ code: "APPROVAL_DECIDED" });
    const attempt = { run: "none", step: "ask", instance: 0, attempt: 1 };
    await expect(decide(it, run, { attempt })).rejects.toMatchObject({ code: "RUN_UNKNOWN" });
  });

  it("needs one of the roles that are asked", async () => {
    const it = await worldWith(flow().replace("[operator]", "[approver]"));
    const { run } = await it.start("flow");
    await expect(decide(it, run)).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect(questions(it)).toHaveLength(1);
    await decide(it, run, { role: "approver" });
    expect(it.stateOf(run)["ask"]).toBe("succeeded");
  });

  it("is about the attempt whose prompt was shown, and no other", async () => {
    const it = await worldWith(flow("retry: { limit: 1 }"));
    const { run } = await it.start("flow");
    await it.pass(5 * 60_000);
    await expect(decide(it, run)).rejects.toMatchObject({ code: "APPROVAL_UNKNOWN" });
    const attempt = { run, step: "ask", instance: 0, attempt: 2 };
    await decide(it, run, { attempt });
    expect(it.stateOf(run)["ask"]).toBe("succeeded");
  });

  it.each([
    ["another run", { run: "none" }, "RUN_UNKNOWN"],
    ["a step that asks nothing", { step: "after" }, "APPROVAL_UNKNOWN"],
    ["a step that is not there", { step: "none" }, "APPROVAL_UNKNOWN"],
    ["an instance that is not there", { instance: 4_294_967_295 }, "APPROVAL_UNKNOWN"],
  ])("on %s is refused", async (_, part, code) => {
    const it = await worldWith(flow());
    const { run } = await it.start("flow");
    const attempt = { run, step: "ask", instance: 0, attempt: 1, ...part };
    await expect(decide(it, run, { attempt })).rejects.toMatchObject({ code });
  });

  it("bounds its comment, and makes what is invisible in it visible", async () => {
    const it = await worldWith(flow());
    const { run } = await it.start("flow");
    const long = decide(it, run, { comment: "x".repeat(1001) });
    await expect(long).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    await decide(it, run, { comment: "a\u001b\ud800" });
    const output = askStep(it, run)?.instances[0]?.result?.outputJson ?? "";
    expect(JSON.parse(output)).toMatchObject({ comment: "a\\x1b\\u{d800}" });
  });
});
