import type { Host } from "../host.ts";
import { loadIdentity } from "../identity.ts";
import { runningAgent } from "./agent.ts";
import type { Check } from "./check.ts";
import { clock, credential, dataFolder, diskSpace, enrolment } from "./folder.ts";
import { kernel, sandbox } from "./kernel.ts";
import { server } from "./server.ts";

/** Everything that an agent with this folder needs, each with a remedy. Changes nothing. */
export async function doctor(host: Host, directory: string): Promise<Check[]> {
  const checks = [kernel(host), await sandbox(host), dataFolder(host, directory)];
  checks.push(diskSpace(host, directory));
  const identity = readable(() => loadIdentity(host, directory));
  checks.push(enrolment(directory, identity));
  const enrolled = identity?.enrolment ?? null;
  if (enrolled === null) return [...checks, clock(host, null)];
  checks.push(clock(host, enrolled), credential(host, enrolled));
  for (const address of enrolled.servers) {
    checks.push(await server(host, address, enrolled.rootCa));
  }
  return [...checks, await runningAgent(host, directory)];
}

export function formatChecks(checks: readonly Check[]): string {
  const marks = { ok: "ok    ", note: "note  ", failed: "FAILED" };
  return checks
    .map(({ name, state, detail, remedy }) => {
      const hint = remedy === "" ? "" : `          ${remedy}\n`;
      return `${marks[state]}  ${name}: ${detail}\n${hint}`;
    })
    .join("");
}

/** undefined for a file that is there and cannot be read, or not understood. */
function readable<Value>(act: () => Value): Value | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
