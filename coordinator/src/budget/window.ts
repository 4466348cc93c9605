import type { Budget } from "@cohort/proto/resources/budget";

/**
 * The window that a moment belongs to: "day/2026-11-22" or "month/2026-11" of the time zone's own
 * calendar, or "run/ID". A day has 23 to 25 hours, or begins at 01:00, wherever the zone says so.
 */
export function windowOf(
  budget: Pick<Budget, "window" | "timezone">,
  atMs: number,
  topRun: string,
): string {
  if (budget.window === "run") return `run/${topRun}`;
  const { year, month, day } = localDate(budget.timezone, atMs);
  return budget.window === "day" ? `day/${year}-${month}-${day}` : `month/${year}-${month}`;
}

interface LocalDate {
  readonly year: string;
  readonly month: string;
  readonly day: string;
}

/** A date ends with a second everywhere, so that all calls of one second share what is costly to find. */
function localDate(timezone: string, atMs: number): LocalDate {
  const zone = zoneOf(timezone);
  const second = Math.floor(atMs / 1000);
  if (zone.second !== second) {
    const date = { year: "", month: "", day: "" };
    for (const { type, value } of zone.formatter.formatToParts(atMs)) {
      if (type === "year" || type === "month" || type === "day") date[type] = value;
    }
    zone.second = second;
    zone.date = date;
  }
  return zone.date;
}

interface Zone {
  readonly formatter: Intl.DateTimeFormat;
  /** What was asked for last, and the answer. */
  second: number;
  date: LocalDate;
}

/** Costly to make; as many as there are time zones in use. */
const zones = new Map<string, Zone>();

function zoneOf(timezone: string): Zone {
  const known = zones.get(timezone);
  if (known !== undefined) return known;
  const formatter = new Intl.DateTimeFormat("en-u-ca-iso8601-nu-latn", {
    timeZone: timezone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  });
  const zone = { formatter, second: Number.NaN, date: { year: "", month: "", day: "" } };
  zones.set(timezone, zone);
  return zone;
}
