import type { Approval } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { instanceId } from "@cohort/proto/proof";
import type { ConsoleClient } from "../../../src/console-client/console-client.ts";
import { formatMoment } from "../moments.ts";
import type { Session } from "../session.ts";
import { approvalView } from "../views.ts";

/** What waits for a decision, the longest first. */
export async function listApprovals(session: Session): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const { approvals } = await console.call(console.approvals, console.approvals.list, { run: "" });
  const views = approvals.map(approvalView);
  output.result({ approvals: views }, () =>
    output.table(
      ["RUN", "STEP", "WORKFLOW", "SINCE", "UNTIL", "ROLES", "PROMPT"],
      views.map((it) => [
        it.run,
        it.instance === 0 ? it.step : `${it.step}[${it.instance}]`,
        it.workflow,
        formatMoment(it.since_ms),
        formatMoment(it.until_ms),
        it.roles.join(", "),
        it.prompt,
      ]),
    ),
  );
  return 0;
}

export interface ApproveOptions {
  readonly deny: boolean;
  readonly comment: string;
  readonly instance?: number | undefined;
}

/** Decides what a step asks; the prompt that is decided on goes to stderr. */
export async function approve(
  session: Session,
  run: string,
  step: string,
  { deny, comment, instance }: ApproveOptions,
): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const approval = await findApproval(console, run, step, instance);
  if (approval !== null) output.progress(approval.prompt);
  // What does not wait is asked for all the same: the coordinator knows why not.
  const attempt = approval?.attempt ?? { run, step, instance: instance ?? 0, attempt: 0 };
  const request = { attempt, approve: !deny, comment };
  await console.call(console.approvals, console.approvals.decide, request);
  const decided = { ...attempt, approved: !deny };
  output.result(decided, () => `${instanceId(attempt)} is ${deny ? "refused" : "approved"}`);
  return 0;
}

/** Null when nothing of the step waits for us. Throws USAGE when more than one instance does. */
async function findApproval(
  console: ConsoleClient,
  run: string,
  step: string,
  instance: number | undefined,
): Promise<Approval | null> {
  const { approvals } = await console.call(console.approvals, console.approvals.list, { run });
  const waiting = approvals.filter(
    ({ attempt }) =>
      attempt?.step === step && (instance === undefined || attempt.instance === instance),
  );
  if (waiting.length > 1) {
    const which = waiting.map(({ attempt }) => attempt?.instance).join(", ");
    throw refuse("USAGE", `instances ${which} of step ${step} wait for a decision`, {
      hint: "Name one of them with --instance.",
    });
  }
  return waiting[0] ?? null;
}
