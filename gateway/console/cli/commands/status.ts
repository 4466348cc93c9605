import type { Session } from "../session.ts";
import { runView } from "../views.ts";
import { runTable } from "./run-table.ts";
import { listRuns } from "./runs.ts";

/** The latest runs, or all about one. */
export async function status(
  session: Session,
  run: string | undefined,
  options: { readonly workflow?: string; readonly limit: number },
): Promise<number> {
  if (run === undefined) return listRuns(session, options);
  const { output } = session;
  const console = await session.console();
  const state = await console.call(console.runs, console.runs.get, { run });
  output.result(runView(state), () => runTable(output, state, Date.now()));
  return 0;
}
