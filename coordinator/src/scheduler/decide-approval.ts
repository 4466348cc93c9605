import type { AttemptKey, Finished } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { instanceId } from "@cohort/proto/proof";
import type { Role } from "@cohort/proto/roles";
import { neutraliseLines } from "@cohort/proto/text";
import type { Decision } from "../state/decision.ts";
import { attemptEnded, failure } from "./decide-attempt.ts";
import { findActive, findInstance, findStep, type Runs } from "./runs.ts";

export interface ApprovalRequest {
  /** The attempt whose prompt was shown; 0 for none, which can only be told why none is. */
  readonly attempt: AttemptKey;
  readonly approve: boolean;
  readonly comment: string;
  readonly actor: string;
  readonly role: Role;
}

/**
 * A person's decision, which ends the attempt that asked for it. The first one counts. `hash` is
 * SHA-256. Throws RUN_UNKNOWN, APPROVAL_UNKNOWN, APPROVAL_DECIDED, FORBIDDEN, LIMIT_EXCEEDED.
 */
export function decideApproval(
  runs: Runs,
  { attempt, approve, comment: said, actor, role }: ApprovalRequest,
  nowMs: number,
  hash: (text: string) => Uint8Array,
): Decision<void> {
  const instance = findActive(runs, attempt);
  const question = instance === null ? undefined : runs.asked.get(instance);
  if (question === undefined) throw whyNot(runs, attempt);
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

function whyNot(runs: Runs, key: AttemptKey) {
  if (!runs.byId.has(key.run)) {
    return refuse("RUN_UNKNOWN", `no run that goes on has the id "${key.run}"`);
  }
  const instance = findInstance(runs, key);
  const hint = "`cohort approvals` lists what waits for a decision.";
  const { attempt = 0, result = null } = instance ?? {};
  const isApproval = findStep(runs, key.run, key.step)?.kind === "approve";
  const isMeant = key.attempt === 0 || key.attempt === attempt;
  if (!isApproval || !isMeant || result === null || result.outputJson === "") {
    return refuse("APPROVAL_UNKNOWN", `${instanceId(key)} does not wait for a decision`, { hint });
  }
  const { approved: yes, by, at } = JSON.parse(result.outputJson) as Answer;
  return refuse("APPROVAL_DECIDED", `${by} ${yes ? "approved" : "refused"} this at ${at}`);
}
