import type { Node, Run } from "@cohort/proto/gen/cohort/console";
import { CohortError, refuse } from "@cohort/proto/problem";
import { backoffMs, pause } from "../../../src/backoff.ts";
import type { ConsoleClient } from "../../../src/console-client/console-client.ts";

/** Tells a person what the watch waits for. */
type Report = (text: string) => void;

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

/** A coordinator that restarts in between is waited for. */
async function* watch<State>(
  open: () => AsyncGenerator<State>,
  isLast: (state: State) => boolean,
  report: Report,
): AsyncGenerator<State> {
  for (let attempt = 0; ; attempt += 1) {
    let error = refuse("UNREACHABLE", "the coordinator ended the watch too early");
    try {
      for await (const state of open()) {
        attempt = 0;
        yield state;
        if (isLast(state)) return;
      }
    } catch (cause) {
      if (!(cause instanceof CohortError)) throw cause;
      error = cause;
    }
    if (error.code !== "UNREACHABLE" || attempt >= attemptsMax) throw error;
    if (attempt === 0) report("the coordinator is away; waiting for it");
    await pause(backoffMs(attempt, Math.random), new AbortController().signal);
  }
}

/** About a minute of back-off. */
const attemptsMax = 9;
