import { formatDuration } from "@cohort/proto/quantity";
import { formatMoment } from "../moments.ts";

/** Why an entry is without its payload, and where that stands. */
export function whyDropped(dropped: {
  readonly by: number;
  readonly atMs: number;
  readonly maxAgeMs: number;
}): string {
  const { by, atMs, maxAgeMs } = dropped;
  const kept = `payloads are kept for ${formatDuration(maxAgeMs)} after their run has ended`;
  return `its payload was dropped at ${formatMoment(atMs)}, as entry ${by} records: ${kept}`;
}
