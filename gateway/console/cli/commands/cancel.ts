import type { Session } from "../session.ts";

/** Ends a run. What was asked for is the result, whether the run still had anything to end or not. */
export async function cancel(
  session: Session,
  run: string,
  { hard }: { readonly hard: boolean },
): Promise<number> {
  const console = await session.console();
  const { changed } = await console.call(console.runs, console.runs.cancel, { run, hard });
  session.output.result({ run, changed }, () =>
    changed ? `${run} is being cancelled` : `${run} had nothing left to cancel`,
  );
  return 0;
}
