import type { Instance as InstanceView } from "@cohort/proto/gen/cohort/console";
import type { AttemptKey, Finished } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { instanceId } from "@cohort/proto/proof";
import type { Role } from "@cohort/proto/roles";
import { neutraliseLines } from "@cohort/proto/text";
import type { FormerRun } from "../history/history.ts";
import type { Decision } from "../state/decision.ts";
import { attemptEnded, failure } from "./decide-attempt.ts";
import { findActive, type Instance, type Runs } from "./runs.ts";

export interface ApprovalRequest {
  /** The attempt whose prompt was shown; 0 for none, which can only be told why none is. */
  readonly attempt: AttemptKey;
  readonly approve: boolean;
  readonly comment: string;
  readonly actor: string;
  readonly role: Role;
}

export interface ApprovalParts {
  /** SHA-256. */
  readonly hash: (text: string) => Uint8Array;
  /** A run that has ended; null when there was none. */
  readonly former: (run: string) => Pick<FormerRun, "steps"> | null;
}

/**
 * A person's decision, which ends the attempt that asked for it. The first one counts. Throws RUN_UNKNOWN, APPROVAL_UNKNOWN, APPROVAL_DECIDED, FORBIDDEN, LIMIT_EXCEEDED.
 */
export function decideApproval(
  runs: Runs,
  { attempt, approve, comment: said, actor, role }: ApprovalRequest,
  nowMs: number,
  { hash, former }: ApprovalParts,
): Decision<void> {
  const instance = findActive(runs, attempt);
  const question = instance === null ? undefined : runs.asked.get(instance);
  if (question === undefined) throw whyNot(runs, former, attempt);
  if (!question.roles.includes(role)) {
    const who = question.roles.join(" or ");
    throw refuse("FORBIDDEN", `this is for the role ${who} to decide, not for ${role}`);
  }
  if (said.length > limits.commentLengthMax) {
    const message = `the comment is longer than ${limits.commentLengthMax} characters`;
    throw refuse("LIMIT_EXCEEDED", message);
  }
  const comment = neutraliseLines(said);
  const decided = {
    attempt,
    approved: approve,
    actor,
    role,
    comment,
    promptHash: hash(question.prompt),
  };
  const answer: Answer = {
    approved: approve,
    by: actor,
    at: new Date(nowMs).toISOString(),
    comment,
  };
  const result = approve ? approved(answer) : denied(answer);
  return {
    events: [{ $case: "approvalDecided", value: decided }, attemptEnded(attempt, result)],
    value: undefined,
  };
}

/** Output of the step, for those after it. */
interface Answer {
  readonly approved: boolean;
  readonly by: string;
  /** ISO 8601. */
  readonly at: string;
  readonly comment: string;
}

function approved(answer: Answer): Finished {
  const outputJson = JSON.stringify(answer);
  return { outcome: "succeeded", code: "", exit: 0, message: "", outputJson, usage: undefined };
}

function denied(answer: Answer): Finished {
  const why = answer.comment === "" ? "" : `: ${answer.comment}`;
  const result = failure("APPROVAL_DENIED", `${answer.by} refused${why}`);
  return { ...result, outputJson: JSON.stringify(answer) };
}

function whyNot(runs: Runs, former: ApprovalParts["former"], key: AttemptKey) {
  const run = runs.byId.get(key.run) ?? former(key.run);
  if (run === null) return refuse("RUN_UNKNOWN", `no run has the id "${key.run}"`);
  const step = run.steps.get(key.step);
  const instance = step?.instances[key.instance];
  const isMeant = key.attempt === 0 || key.attempt === instance?.attempt;
  const outputJson = instance === undefined ? "" : outputOf(instance);
  if (step?.kind !== "approve" || !isMeant || outputJson === "") {
    const hint = "`cohort approvals` lists what waits for a decision.";
    return refuse("APPROVAL_UNKNOWN", `${instanceId(key)} does not wait for a decision`, { hint });
  }
  const { approved: yes, by, at } = JSON.parse(outputJson) as Answer;
  return refuse("APPROVAL_DECIDED", `${by} ${yes ? "approved" : "refused"} this at ${at}`);
}

function outputOf(instance: Instance | InstanceView): string {
  return "outputJson" in instance ? instance.outputJson : (instance.result?.outputJson ?? "");
}
