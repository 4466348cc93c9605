import { formatMoment, formatSpan } from "../moments.ts";
import type { Session } from "../session.ts";
import { runView } from "../views.ts";
import { runTable } from "./run-table.ts";

/** The latest runs, or all about one. */
export async function status(
  session: Session,
  run: string | undefined,
  options: { readonly workflow?: string; readonly limit: number },
): Promise<number> {
  const { output } = session;
  const console = await session.console();
  if (run !== undefined) {
    const state = await console.call(console.runs, console.runs.get, { run });
    output.result(runView(state), () => runTable(output, state, Date.now()));
    return 0;
  }
  const request = { workflow: options.workflow ?? "", limit: options.limit };
  const { runs } = await console.call(console.runs, console.runs.list, request);
  output.result({ runs: runs.map(runView) }, () =>
    output.table(
      ["RUN", "WORKFLOW", "STATE", "TRIGGER", "STARTED", "TIME", "REASON"],
      runs.map((it) => [
        it.run,
        it.workflow,
        output.state(it.state),
        it.trigger,
        formatMoment(it.startedMs),
        formatSpan(it.startedMs, it.endedMs, Date.now()),
        it.reason,
      ]),
    ),
  );
  return 0;
}
