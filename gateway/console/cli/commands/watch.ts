import type { Node, Run } from "@cohort/proto/gen/cohort/console";
import type { ConsoleClient } from "../../../src/console-client/console-client.ts";
import { persist, type Report } from "./persist.ts";

/** The run now and after every change, until it has ended. It goes on without us. Throws CohortError. */
export function watchRun(console: ConsoleClient, run: string, report: Report): AsyncGenerator<Run> {
  const open = () => console.stream(console.runs, console.runs.watch, { run });
  return watch(open, (it) => it.endedMs !== 0, report);
}

/** The node now and after every change, until nothing runs there. Throws CohortError. */
export function watchDrain(
  console: ConsoleClient,
  node: string,
  report: Report,
): AsyncGenerator<Node> {
  const open = () => console.stream(console.nodes, console.nodes.watch, { node });
  return watch(open, (it) => it.cordon === undefined || it.cordon.drainedMs > 0, report);
}

async function* watch<State>(
  open: () => AsyncGenerator<State>,
  isLast: (state: State) => boolean,
  report: Report,
): AsyncGenerator<State> {
  for await (const state of persist(open, () => false, report)) {
    yield state;
    if (isLast(state)) return;
  }
}
