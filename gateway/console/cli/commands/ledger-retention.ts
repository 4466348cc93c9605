import { formatDuration } from "@cohort/proto/quantity";
import { neutraliseLines } from "@cohort/proto/text";
import { formatMoment } from "../moments.ts";
import type { Session } from "../session.ts";

/** How long runs and the ledger's payloads are kept, and what was dropped so far. */
export async function retentionCommand(session: Session): Promise<number> {
  const console = await session.console();
  const it = await console.call(console.ledger, console.ledger.retention, {});
  const payload_max_age_ms = it.payloadMaxAgeMs === 0 ? null : it.payloadMaxAgeMs;
  session.output.result(
    {
      history_max_age_ms: it.historyMaxAgeMs,
      history_max_runs: it.historyMaxRuns,
      payload_max_age_ms,
      dropped: it.dropped,
      dropped_ms: it.droppedMs === 0 ? null : it.droppedMs,
    },
    () =>
      neutraliseLines(
        [
          `finished runs: ${formatDuration(it.historyMaxAgeMs)}, the latest ${it.historyMaxRuns} at most`,
          `payloads in the ledger: ${payloadText(payload_max_age_ms)}`,
          `dropped so far: ${it.dropped} entries${it.dropped === 0 ? "" : `, the last at ${formatMoment(it.droppedMs)}`}`,
          "hashes in the ledger: for ever",
        ].join("\n"),
      ),
  );
  return 0;
}

function payloadText(maxAgeMs: number | null): string {
  if (maxAgeMs === null) return "for ever (`coordinator init --ledger-payload-max-age` sets it)";
  return `${formatDuration(maxAgeMs)} after their run has ended, and as long as it is in the history`;
}
