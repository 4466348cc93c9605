import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { url as inspectorUrl } from "node:inspector";
import { CohortError, problem, refuse } from "@cohort/proto/problem";
import { observersOf } from "./observers.ts";

/**
 * Lets nothing of this process's memory leave it: no inspector, no snapshots, no reports, no core dumps. To be
 * called before anything secret is read. Throws SETUP_FAILED where that cannot be had. It does not help
 * against whoever is root, or the process's own user: these may read its memory as it is.
 */
export function shieldMemory(): void {
  // A listener takes the place of Node's own, which opens an inspector for whoever may send signals.
  process.on("SIGUSR1", () => {});
  const problems = observersOf(process);
  if (inspectorUrl() !== undefined) {
    problems.push(problem("SETUP_FAILED", "an inspector has been opened"));
  }
  if (problems.length > 0) throw new CohortError(problems);
  Object.assign(process.report, {
    reportOnFatalError: false,
    reportOnSignal: false,
    reportOnUncaughtException: false,
  });
  dropCores();
}

/**
 * Both are needed: a limit of 0 stops files, and not a program that the kernel's core_pattern names;
 * to that one, and to debuggers, the filter shows no page (core(5)). Threads and children have both.
 */
function dropCores(): void {
  try {
    writeFileSync("/proc/self/coredump_filter", "0");
    // setrlimit is not in Node; prlimit(1) of util-linux does it to a process of the same user.
    if (!hasNoCores()) spawnSync("prlimit", ["--core=0:0", "--pid", String(process.pid)]);
    if (hasNoCores()) return;
  } catch (cause) {
    throw unshielded(cause);
  }
  throw unshielded();
}

function hasNoCores(): boolean {
  const limits = readFileSync("/proc/self/limits", "utf8");
  const filter = readFileSync("/proc/self/coredump_filter", "utf8");
  return /^Max core file size +0 +0 /m.test(limits) && /^0+\s*$/.test(filter);
}

function unshielded(cause?: unknown): CohortError {
  return refuse(
    "SETUP_FAILED",
    "core dumps of the coordinator cannot be turned off",
    { hint: "Install util-linux, or start it with LimitCORE=0 or after `ulimit -c 0`." },
    cause,
  );
}
