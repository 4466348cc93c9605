import { neutralise } from "@cohort/proto/text";
import type { Session } from "../session.ts";

/** Ends a step that has not ended; what depends on it goes on. */
export async function skip(
  session: Session,
  run: string,
  step: string,
  { reason }: { readonly reason: string },
): Promise<number> {
  const console = await session.console();
  await console.call(console.runs, console.runs.skip, { run, step, reason });
  session.output.result({ run, step, skipped: true }, () =>
    neutralise(`step ${step} of ${run} is skipped`),
  );
  return 0;
}
