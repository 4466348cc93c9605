import type Database from "better-sqlite3";
import type { StepLogChunk, StepLogExtent, StepLogStore, StoredChunk } from "./log.ts";

/** The table `step_logs`. */
export interface StepLogTable {
  /** Inserts the chunk unless its place is taken. */
  readonly insert: (chunk: StepLogChunk) => void;
  readonly read: StepLogStore["read"];
  readonly extent: StepLogStore["extent"];
  readonly pieces: StepLogStore["pieces"];
  /** Removes at most `count` chunks of the run; tells how many it did. */
  readonly remove: (run: string, count: number) => number;
}

/** SQLite appends the row number to each index, so that one over `run` gives its chunks by cursor. */
export const stepLogTables = `
  CREATE TABLE step_logs (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    instance INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    node TEXT NOT NULL,
    stream INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (run, step, instance, attempt, stream, offset)
  ) STRICT;
  CREATE INDEX step_logs_by_run ON step_logs (run);
`;

export function createStepLogTable(database: Database.Database): StepLogTable {
  const insert = database.prepare<[StepLogChunk]>(`
    INSERT INTO step_logs (run, step, instance, attempt, node, stream, offset, at_ms, data)
    VALUES (@run, @step, @instance, @attempt, @node, @stream, @offset, @atMs, @data)
    ON CONFLICT (run, step, instance, attempt, stream, offset) DO NOTHING
  `);
  const select = database.prepare<unknown[], StoredChunk>(`
    SELECT cursor, run, step, instance, attempt, node, stream, offset, at_ms AS atMs, data
    FROM step_logs INDEXED BY step_logs_by_run
    WHERE run = @run AND cursor > @cursor AND (@step = '' OR step = @step)
    ORDER BY cursor LIMIT @count
  `);
  // By the index of the unique places; the length of a blob is known without reading it.
  const extent = database.prepare<unknown[], StepLogExtent>(`
    SELECT COALESCE(MAX(offset + LENGTH(data)), 0) AS end, COUNT(*) AS chunks
    FROM step_logs WHERE run = @run AND step = @step AND instance = @instance AND attempt = @attempt
  `);
  const pieces = database.prepare<unknown[], StepLogChunk>(`
    SELECT run, step, instance, attempt, node, stream, offset, at_ms AS atMs, data
    FROM step_logs WHERE run = @run AND step = @step AND instance = @instance AND attempt = @attempt
    ORDER BY offset
  `);
  const remove = database.prepare(`
    DELETE FROM step_logs WHERE cursor IN (
      SELECT cursor FROM step_logs INDEXED BY step_logs_by_run WHERE run = ? LIMIT ?
    )
  `);
  return {
    remove: (run, count) => remove.run(run, count).changes,
    extent: ({ run, step, instance, attempt }) =>
      extent.get({ run, step, instance, attempt }) as StepLogExtent,
    pieces: ({ run, step, instance, attempt }) => pieces.iterate({ run, step, instance, attempt }),
    insert: (chunk) => void insert.run(chunk),
    read: (run, step, cursor, { chunks: count, bytes }) =>
      upTo(bytes, select.iterate({ run, step, cursor, count })),
  };
}

/** As many as hold so many bytes; rows behind them are not read. */
export function upTo(bytesMax: number, chunks: Iterable<StoredChunk>): StoredChunk[] {
  const page: StoredChunk[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    page.push(chunk);
    bytes += chunk.data.length;
    if (bytes >= bytesMax) break;
  }
  return page;
}
