import type { Run } from "@cohort/proto/gen/cohort/console";
import { CohortError, refuse } from "@cohort/proto/problem";
import { backoffMs, pause } from "../../../src/backoff.ts";
import type { ConsoleClient } from "../../../src/console-client/console-client.ts";

/**
 * The run now and after every change, until it has ended. A coordinator that restarts in between is
 * waited for; the run goes on without us. Throws CohortError.
 */
export async function* watchRun(
  console: ConsoleClient,
  run: string,
  report: (text: string) => void,
): AsyncGenerator<Run> {
  for (let attempt = 0; ; attempt += 1) {
    let error = refuse("UNREACHABLE", "the coordinator ended the watch before the run ended");
    try {
      for await (const state of console.stream(console.runs, console.runs.watch, { run })) {
        attempt = 0;
        yield state;
        if (state.state !== "running") return;
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
