import type { MerkleTree } from "@cohort/proto/ledger/merkle";
import type { NoteSigner } from "@cohort/proto/ledger/note";
import type Database from "better-sqlite3";
import { createCommitter, type LogBatch, type LogRows, type SizedNote } from "./committer.ts";
import { createHistoryTable } from "./history-table.ts";
import { createLeafStore } from "./leaf-store.ts";
import { createStepLogTable } from "./step-log-store.ts";

/** All that changes a log's file once it serves: done by one thread, one after the other. */
export interface LogWriter {
  readonly commit: (batch: LogBatch) => SizedNote | null;
  /** See HistoryEnd. */
  readonly removeLogs: (runs: readonly string[]) => boolean;
}

/** `tree` is that of the stored leaves. */
export function createSqliteWriter(
  database: Database.Database,
  tree: MerkleTree,
  signer: NoteSigner,
): LogWriter {
  const entries = createLeafStore(database);
  const stepLogs = createStepLogTable(database);
  const history = createHistoryTable(database, stepLogs.remove);
  const store = database.transaction(({ seq, leaves, checkpoint, chunks, changes }: LogRows) => {
    leaves.forEach((leaf, at) => {
      entries.insert(seq + at, leaf);
    });
    if (checkpoint !== null) entries.insertCheckpoint(checkpoint);
    for (const chunk of chunks) stepLogs.insert(chunk);
    if (leaves.length > 0) history.write(changes, seq + leaves.length - 1);
  });
  return {
    commit: createCommitter({ tree, signer, store: (rows) => store.immediate(rows) }),
    removeLogs: history.removeLogs,
  };
}
