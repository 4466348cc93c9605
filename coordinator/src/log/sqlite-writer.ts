import type { NoteSigner } from "@cohort/proto/ledger/note";
import type Database from "better-sqlite3";
import type { GrowingTree } from "../ledger/hash-rows.ts";
import { createCommitter, type LogBatch, type LogRows, type SizedNote } from "./committer.ts";
import { createHashRowTable } from "./hash-row-table.ts";
import { createHistoryTable } from "./history-table.ts";
import { createLeafStore } from "./leaf-store.ts";
import { createStepLogTable } from "./step-log-store.ts";

/** All that changes a log's file once it serves: done by one thread, one after the other. */
export interface LogWriter {
  readonly commit: (batch: LogBatch) => SizedNote | null;
  /** See HistoryEnd. */
  readonly removeLogs: (runs: readonly string[]) => boolean;
  /** See EventLog. */
  readonly purge: () => boolean;
}

/** `tree` is that of the stored leaves. */
export function createSqliteWriter(
  database: Database.Database,
  tree: GrowingTree,
  signer: NoteSigner,
): LogWriter {
  const entries = createLeafStore(database);
  const rows = createHashRowTable(database);
  const stepLogs = createStepLogTable(database);
  const history = createHistoryTable(database, stepLogs.remove);
  const store = database.transaction(
    ({ seq, leaves, hashRows, checkpoint, chunks, changes, drops }: LogRows) => {
      leaves.forEach((leaf, at) => {
        entries.insert(seq + at, leaf);
      });
      for (const drop of drops) entries.drop(drop);
      for (const row of hashRows) rows.write(row);
      if (checkpoint !== null) entries.insertCheckpoint(checkpoint);
      for (const chunk of chunks) stepLogs.insert(chunk);
      if (leaves.length > 0) history.write(changes, seq + leaves.length - 1);
    },
  );
  return {
    commit: createCommitter({ tree, signer, store: (rows) => store.immediate(rows) }),
    removeLogs: history.removeLogs,
    purge: () => purge(database),
  };
}

/** Pages with what was removed were overwritten; the journal, with what they held before, is emptied. */
function purge(database: Database.Database): boolean {
  const [answer] = database.pragma("wal_checkpoint(TRUNCATE)") as { readonly busy: number }[];
  return answer?.busy === 0;
}
