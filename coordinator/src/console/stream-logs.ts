import type { LogLine, LogsRequest } from "@cohort/proto/gen/cohort/console";
import type { RunHistory } from "../history/history.ts";
import { unknownRun } from "../history/query-runs.ts";
import type { Retention } from "../history/retention.ts";
import type { StepLogPage, StepLogStore, StoredChunk } from "../log/log.ts";
import { type Feed, runOf } from "../state/feed.ts";
import type { Writer } from "../state/writer.ts";
import { consoleLimits } from "./limits.ts";
import { createWaker } from "./waker.ts";

export interface StreamLogsDependencies {
  readonly writer: Writer;
  readonly feed: Feed;
  readonly history: RunHistory;
  readonly retention: Retention;
  readonly stepLogs: Pick<StepLogStore, "read">;
}

const page: StepLogPage = {
  chunks: consoleLimits.logPageChunksMax,
  bytes: consoleLimits.logPageBytesMax,
};

/**
 * What a run's steps wrote; with `follow` until it has ended. The next page is read when the reader has
 * taken the one before, so that one who stops reading holds a page, and no more of the disk than that.
 * Throws RUN_UNKNOWN.
 */
export async function streamLogs(
  { writer, feed, history, retention, stepLogs }: StreamLogsDependencies,
  { run: id, step, follow, after }: LogsRequest,
  send: (line: LogLine) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const isActive = () => writer.read(({ runs }) => runs.active.has(id));
  if (!(await isActive()) && history.find(id) === null) throw unknownRun(retention, id);
  const waker = createWaker(feed, signal, (change) =>
    change.kind === "output" ? change.runs.has(id) : change.recorded.some((it) => runOf(it) === id),
  );
  let cursor = after;
  const sendNew = async () => {
    while (!signal.aborted) {
      const chunks = stepLogs.read(id, step, cursor, page);
      if (chunks.length === 0) return;
      for (const chunk of chunks) {
        await send(lineOf(chunk));
        cursor = chunk.cursor;
      }
    }
  };
  try {
    await sendNew();
    // Results and output travel in one journal, so what a run wrote is here when the run has ended.
    while (follow && (await isActive()) && (await waker.next())) await sendNew();
    await sendNew();
  } finally {
    waker.close();
  }
}

function lineOf({ run, step, instance, attempt, ...rest }: StoredChunk): LogLine {
  return { attempt: { run, step, instance, attempt }, ...rest };
}
