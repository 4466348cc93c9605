import { CohortError, refuse } from "@cohort/proto/problem";
import { backoffMs, pause } from "../../../src/backoff.ts";

/** Tells a person what is waited for. */
export type Report = (text: string) => void;

/**
 * What a stream brings, although the coordinator restarts or the connection breaks in between: then
 * `open` is called again. Ends with the stream; `isWhole` says whether that end was due. Throws
 * CohortError.
 */
export async function* persist<Item>(
  open: () => AsyncGenerator<Item>,
  isWhole: () => boolean,
  report: Report,
): AsyncGenerator<Item> {
  for (let attempt = 0; ; attempt += 1) {
    let error = refuse("UNREACHABLE", "the coordinator ended the stream too early");
    try {
      for await (const item of open()) {
        attempt = 0;
        yield item;
      }
      if (isWhole()) return;
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
