import { type ErrorCode, errors } from "@cohort/proto/errors";
import type { SubmitWebhookReply } from "@cohort/proto/gen/cohort/console";
import { CohortError } from "@cohort/proto/problem";

export interface Answer {
  readonly status: number;
  /** JSON. */
  readonly body: string;
}

/** What the sender of a request hears: 202 when something started or nothing was to start. */
export function answerOf(outcome: SubmitWebhookReply | CohortError): Answer {
  if (outcome instanceof CohortError) {
    return refusalOf(statusOf(outcome.code), outcome.code, outcome.message);
  }
  const started = outcome.runs.filter((it) => it.problems.length === 0);
  const runs = started.map(({ workflow, run, existing }) => ({ workflow, run, existing }));
  const problems = outcome.runs.flatMap(({ workflow, problems: all }) =>
    all.map(({ code, message }) => ({ workflow, code, message })),
  );
  const failed = problems.length > 0 && runs.length === 0;
  return { status: failed ? 422 : 202, body: JSON.stringify({ runs, problems }) };
}

export function refusalOf(status: number, code: ErrorCode, message: string): Answer {
  return { status, body: JSON.stringify({ runs: [], problems: [{ code, message }] }) };
}

function statusOf(code: ErrorCode): number {
  if (code === "WEBHOOK_UNVERIFIED") return 401;
  if (code === "LIMIT_EXCEEDED") return 413;
  if (code === "EVENT_PAYLOAD_INVALID") return 400;
  return errors[code].grpc === "INVALID_ARGUMENT" ? 422 : 503;
}
