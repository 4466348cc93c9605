import type {
  ListRunsReply,
  ListRunsRequest,
  Run as RunView,
} from "@cohort/proto/gen/cohort/console";
import { Run as RunMessage } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { runStates } from "@cohort/proto/run-states";
import type { Run } from "../scheduler/runs.ts";
import type { Writer } from "../state/writer.ts";
import { suggest } from "../workflow/nearest.ts";
import { finishedView, type RunHistory } from "./history.ts";
import { historyLimits } from "./limits.ts";
import { describeRetention, type HistoryRetention } from "./retention.ts";
import { headView, runView } from "./run-view.ts";

/** A run as it is now, or as it ended. Throws RUN_UNKNOWN. */
export function queryRun(
  writer: Writer,
  history: RunHistory,
  retention: HistoryRetention,
  id: string,
): Promise<RunView> {
  return writer.read((state) => {
    const active = state.runs.active.get(id);
    if (active !== undefined) return runView(state, active);
    const finished = history.find(id);
    if (finished === null) throw unknownRun(retention, id);
    return finishedView(finished);
  });
}

/** State of a run and its reason. Throws RUN_UNKNOWN. */
export function queryOutcome(
  writer: Writer,
  history: RunHistory,
  retention: HistoryRetention,
  id: string,
): Promise<Pick<RunView, "state" | "reason">> {
  return writer.read(({ runs }) => {
    const active = runs.active.get(id);
    if (active !== undefined) return { state: active.state, reason: active.reason };
    const finished = history.find(id);
    if (finished === null) throw unknownRun(retention, id);
    const { state, reason } = RunMessage.decode(finished.head);
    return { state, reason };
  });
}

/** Runs, the newest first; those that go on are in memory, the others in the table. Throws USAGE. */
export async function queryRuns(
  writer: Writer,
  history: RunHistory,
  request: ListRunsRequest,
): Promise<ListRunsReply> {
  const { workflow, state } = checkedFilter(request);
  const limit = request.limit === 0 ? historyLimits.listedDefault : request.limit;
  const count = Math.min(limit, historyLimits.listedMax);
  const startedBefore = startedSeqOf(request.before);
  const matches = (run: Run) =>
    run.startedSeq < startedBefore &&
    (workflow === "" || run.workflow === workflow) &&
    (state === "" || run.state === state);
  const going = await writer.read((it) =>
    [...it.runs.active.values()]
      .filter(matches)
      .slice(-count - 1)
      .map((run) => ({ startedSeq: run.startedSeq, view: headView(it, run) })),
  );
  // What ended since then is in both.
  const finished = history.list({ workflow, state, startedBefore, count: count + 1 });
  const ended = new Set(finished.map(({ startedSeq }) => startedSeq));
  const newest = [
    ...going.filter(({ startedSeq }) => !ended.has(startedSeq)),
    ...finished.map(({ startedSeq, head }) => ({ startedSeq, view: RunMessage.decode(head) })),
  ].sort((a, b) => b.startedSeq - a.startedSeq);
  const page = newest.slice(0, count);
  const goesOn = newest.length > count;
  return {
    runs: page.map(({ view }) => view),
    next: goesOn ? String(page.at(-1)?.startedSeq) : "",
  };
}

export function unknownRun(retention: HistoryRetention, id: string): Error {
  return refuse("RUN_UNKNOWN", `no run has the id "${id}"`, {
    hint: `\`cohort runs\` lists runs. ${describeRetention(retention)}`,
  });
}

function checkedFilter({ workflow, state }: ListRunsRequest) {
  const known: readonly string[] = runStates;
  if (state === "" || known.includes(state)) return { workflow, state };
  throw refuse("USAGE", `no run has the state "${state}"`, { hint: suggest(state, known) });
}

/** A cursor is the number of the entry that started the last run that was shown. */
function startedSeqOf(cursor: string): number {
  if (cursor === "") return Number.MAX_SAFE_INTEGER;
  if (/^[1-9][0-9]{0,14}$/.test(cursor)) return Number(cursor);
  throw refuse("USAGE", `"${cursor}" is no place in the list of runs`, {
    hint: "Take it from the end of the list before.",
  });
}
