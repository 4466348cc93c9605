import { readFileSync } from "node:fs";

/**
 * A process told apart from a later one that was given the same id: its start time, in clock ticks
 * since boot, from /proc/<pid>/stat (proc(5)), and the boot that it belongs to.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: string;
  readonly boot: string;
}

/** Null when no such process runs, or it is a zombie. */
export function identify(pid: number): ProcessIdentity | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name in parentheses may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return null;
    const startTicks = fields[19];
    if (startTicks === undefined) return null;
    return {
      pid,
      startTicks,
      boot: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    };
  } catch {
    return null;
  }
}

/** True when exactly that process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  return now !== null && now.startTicks === identity.startTicks && now.boot === identity.boot;
}

const stopPollMs = 20;

/** SIGTERM, and SIGKILL after `graceMs`; resolves when it has ended. */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
  const deadline = Date.now() + graceMs;
  let killed = false;
  if (isRunning(identity)) signal(identity, "SIGTERM");
  while (isRunning(identity)) {
    if (!killed && Date.now() >= deadline) {
      signal(identity, "SIGKILL");
      killed = true;
    }
    await new Promise((resolve) => setTimeout(resolve, stopPollMs));
  }
}

function signal({ pid }: ProcessIdentity, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
