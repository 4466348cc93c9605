import type { Host } from "../host.ts";
import { agentLimits } from "../limits.ts";
import { delay } from "../wait.ts";

/**
 * Tells systemd how the agent is, as long as there is a systemd that wants to know: sd_notify(3). The
 * watchdog is fed from here, by the loop that does all the work, so that a loop that hangs is noticed.
 */
export async function superviseBy(
  host: Host,
  status: () => string,
  stop: AbortSignal,
): Promise<void> {
  if (!host.local.notify(`READY=1\nSTATUS=${oneLine(status())}`)) return;
  stop.addEventListener("abort", () => host.local.notify("STOPPING=1\nSTATUS=ending its steps"));
  const watchdogMs = watchdogInterval(host);
  const feedMs = watchdogMs === null ? agentLimits.statusTellMs : watchdogMs / 3;
  let told = "";
  while (!stop.aborted) {
    const said = oneLine(status());
    const news = said === told ? [] : [`STATUS=${said}`];
    const alive = watchdogMs === null ? [] : ["WATCHDOG=1"];
    if (news.length + alive.length > 0) host.local.notify([...alive, ...news].join("\n"));
    told = said;
    await delay(Math.min(feedMs, agentLimits.statusTellMs), stop);
  }
}

/** sd_watchdog_enabled(3); null when nobody waits for this process. */
function watchdogInterval(host: Host): number | null {
  const microseconds = host.environment("WATCHDOG_USEC") ?? "";
  const wanted = host.environment("WATCHDOG_PID");
  if (!/^\d{1,15}$/.test(microseconds) || Number(microseconds) === 0) return null;
  if (wanted !== undefined && wanted !== String(host.info.process)) return null;
  return Number(microseconds) / 1000;
}

/** A line break would begin another assignment. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ");
}
