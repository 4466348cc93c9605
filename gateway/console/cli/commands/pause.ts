import type { Session } from "../session.ts";

/** Holds a run back. What was asked for is the result, whether it had to change anything or not. */
export async function pause(
  session: Session,
  run: string,
  { reason }: { readonly reason: string },
): Promise<number> {
  const console = await session.console();
  const { changed } = await console.call(console.runs, console.runs.pause, { run, reason });
  session.output.result({ run, changed }, () =>
    changed
      ? `${run} is paused; \`cohort resume ${run}\` lets it go on`
      : `${run} was paused already, or has ended`,
  );
  return 0;
}

/** Lets a paused run go on. */
export async function resume(session: Session, run: string): Promise<number> {
  const console = await session.console();
  const { changed } = await console.call(console.runs, console.runs.resume, { run });
  session.output.result({ run, changed }, () =>
    changed ? `${run} goes on` : `${run} was not paused`,
  );
  return 0;
}
