import type { Host } from "../host.ts";
import { type Check, failed, noted, passed } from "./check.ts";
import { shortfalls } from "./isolation.ts";

/** The level that the kernel allows, as this command is run. */
export function kernel(host: Host): Check {
  const name = "isolation";
  const probe = host.sandbox.probe();
  if (probe.level === "strict") return passed(name, "strict");
  const missing = shortfalls(host, probe);
  const detail = missing.map(({ feature, reason }) => `${feature} (${reason})`).join(", ");
  const remedy = missing.map((it) => it.remedy).join(" ");
  if (probe.level === "standard") return noted(name, `standard: no ${detail}`, remedy);
  return failed(name, `steps are refused: no ${detail}`, remedy);
}

/** Builds one and runs a program in it: what a probe cannot see, a try does. */
export async function sandbox(host: Host): Promise<Check> {
  const name = "sandbox";
  if (host.sandbox.probe().level === "refused") {
    return failed(name, "not tried", "See to the isolation first.");
  }
  try {
    const process = host.sandbox.start(trial);
    while ((await process.readOutput()) !== null);
    const { code, signal, wallMs } = await process.exited;
    process.release();
    if (code === 0) return passed(name, `a step ran in one, in ${Math.round(wallMs)} ms`);
    return failed(name, `a step ended in it with ${signal || code}`, reinstall);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return failed(
      name,
      reason,
      "Run the agent as root, or see what confines this user: LSM, container.",
    );
  }
}

const reinstall = "Install the agent for this processor anew.";

const trial = {
  argv: ["/.cohort/agent", "--version"],
  environment: {},
  files: [],
  limits: { memoryBytes: 16 * 1024 ** 2, pids: 4, diskBytes: 65_536, openFiles: 16, cpuMs: 10_000 },
  readOnly: [],
  listenPort: 0,
  held: false,
} as const;
