import type { Session } from "../session.ts";
import { showStarted } from "./follow-run.ts";
import { readInputs } from "./inputs.ts";

/** Starts a run; with `follow` stays with it, and ends with 3 when it failed. */
export async function run(
  session: Session,
  workflow: string,
  options: {
    readonly input: readonly string[];
    readonly inputs?: string;
    readonly follow: boolean;
    readonly idempotencyKey?: string;
  },
): Promise<number> {
  const inputsJson = await readInputs(session.terminal, options);
  const console = await session.console();
  const idempotencyKey = options.idempotencyKey ?? "";
  const request = { workflow, inputsJson, idempotencyKey };
  const started = await console.call(console.runs, console.runs.start, request);
  return await showStarted(session, started, options.follow);
}
