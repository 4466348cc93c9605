import { formatMoment } from "../moments.ts";
import type { Session } from "../session.ts";
import { scheduleView } from "../views.ts";

/** When each workflow is due next, and what became of the time before. */
export async function listSchedules(
  session: Session,
  options: { readonly workflow?: string },
): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const request = { workflow: options.workflow ?? "" };
  const { schedules } = await console.call(console.schedules, console.schedules.list, request);
  output.result({ schedules: schedules.map(scheduleView) }, () =>
    output.table(
      ["WORKFLOW", "CRON", "TIMEZONE", "NEXT", "LAST", "OUTCOME"],
      schedules.map((it) => [
        it.workflow,
        it.cron,
        it.timezone,
        formatMoment(it.dueMs),
        formatMoment(it.lastDueMs),
        it.lastOutcome === "" ? "-" : `${it.lastOutcome} ${it.lastRun}${it.lastReason}`.trim(),
      ]),
    ),
  );
  return 0;
}
