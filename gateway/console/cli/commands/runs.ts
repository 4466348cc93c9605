import { formatMoment, formatSpan } from "../moments.ts";
import type { Session } from "../session.ts";
import { runView } from "../views.ts";
import { describePause, stateOf } from "./run-table.ts";

/** Runs, the newest first; where the list goes on is said, for the next one's `--before`. */
export async function listRuns(
  session: Session,
  options: {
    readonly workflow?: string;
    readonly state?: string;
    readonly limit: number;
    readonly before?: string;
  },
): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const { workflow = "", state = "", limit, before = "" } = options;
  const request = { workflow, state, limit, before };
  const { runs, next } = await console.call(console.runs, console.runs.list, request);
  output.result({ runs: runs.map(runView), next: next === "" ? null : next }, () =>
    output.table(
      ["RUN", "WORKFLOW", "STATE", "TRIGGER", "STARTED", "TIME", "REASON"],
      runs.map((it) => [
        it.run,
        it.workflow,
        output.state(stateOf(it)),
        it.trigger,
        formatMoment(it.startedMs),
        formatSpan(it.startedMs, it.endedMs, Date.now()),
        it.pause === undefined ? it.reason : describePause(it.pause),
      ]),
    ),
  );
  if (next !== "" && output.format === "table") output.progress(`older ones: --before ${next}`);
  return 0;
}
