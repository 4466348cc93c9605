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

function localDate(timezone: string, atMs: number): { year: string; month: string; day: string } {
  const fields = { year: "", month: "", day: "" };
  for (const { type, value } of formatterOf(timezone).formatToParts(atMs)) {
    if (type === "year" || type === "month" || type === "day") fields[type] = value;
  }
  return fields;
}

/** Costly to make; as many as there are time zones in use. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timezone: string): Intl.DateTimeFormat {
  const known = formatters.get(timezone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat("en-u-ca-iso8601-nu-latn", {
    timeZone: timezone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  });
  formatters.set(timezone, made);
  return made;
}
