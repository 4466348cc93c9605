import type { Session } from "../session.ts";
import { showStarted } from "./follow-run.ts";

interface RepeatOptions {
  readonly follow: boolean;
  readonly idempotencyKey?: string;
}

/** Starts a run that does again what did not end well in a former one, or a step and what follows. */
export async function retry(
  session: Session,
  run: string,
  { from = "", follow, idempotencyKey = "" }: RepeatOptions & { readonly from?: string },
): Promise<number> {
  const console = await session.console();
  const request = { run, from, idempotencyKey };
  const started = await console.call(console.runs, console.runs.retry, request);
  return await showStarted(session, started, follow);
}

/** Starts a run with the inputs and the event of a former one. */
export async function rerun(
  session: Session,
  run: string,
  { latest, follow, idempotencyKey = "" }: RepeatOptions & { readonly latest: boolean },
): Promise<number> {
  const console = await session.console();
  const request = { run, latest, idempotencyKey };
  const started = await console.call(console.runs, console.runs.rerun, request);
  return await showStarted(session, started, follow);
}
