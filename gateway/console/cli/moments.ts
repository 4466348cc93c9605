/** Times for people. */

/** "850ms", "4.2s", "3m 07s", "2h 05m"; "-" when it has not begun. */
export function formatSpan(startedMs: number, endedMs: number, nowMs: number): string {
  if (startedMs === 0) return "-";
  const span = Math.max(0, (endedMs === 0 ? nowMs : endedMs) - startedMs);
  if (span < 1000) return `${span}ms`;
  if (span < 60_000) return `${(span / 1000).toFixed(1)}s`;
  const seconds = Math.floor(span / 1000);
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  if (hours === 0) return `${minutes}m ${pad(seconds % 60)}s`;
  return `${hours}h ${pad(minutes % 60)}m`;
}

/** "2026-11-22 02:11:09" in this machine's time zone; "-" for never. */
export function formatMoment(milliseconds: number): string {
  if (milliseconds === 0) return "-";
  const it = new Date(milliseconds);
  const day = [it.getFullYear(), pad(it.getMonth() + 1), pad(it.getDate())].join("-");
  return `${day} ${[it.getHours(), it.getMinutes(), it.getSeconds()].map(pad).join(":")}`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
