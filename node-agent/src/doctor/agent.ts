import { CohortError } from "@cohort/proto/problem";
import type { Host } from "../host.ts";
import { readStatus } from "../service/status.ts";
import { type Check, noted, passed } from "./check.ts";

/** That none runs is no fault: somebody may be about to start it. */
export async function runningAgent(host: Host, directory: string): Promise<Check> {
  const name = "agent";
  try {
    const { connection, trouble, process, isolation } = await readStatus(host, directory);
    const detail = `process ${process}, isolation ${isolation}`;
    if (connection !== null) return passed(name, `${detail}, connected to ${connection.server}`);
    return noted(name, `${detail}, not connected: ${trouble}`, "See to the servers above.");
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    return noted(name, error.message, error.problems[0]?.hint ?? "");
  }
}
