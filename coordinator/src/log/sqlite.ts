import { MerkleTree } from "@cohort/proto/ledger/merkle";
import type { NoteSigner } from "@cohort/proto/ledger/note";
import { CohortError, refuse } from "@cohort/proto/problem";
import type Database from "better-sqlite3";
import { sha256 } from "../ledger/crypto.ts";
import { createLog, type LogBatch, type LogStorage, signTree } from "./create-log.ts";
import { openDatabase } from "./database.ts";
import { createHistoryTable, historyTables } from "./history-table.ts";
import { createLeafStore, type LeafStore, leafTables } from "./leaf-store.ts";
import type { EventLog, StepLogStore } from "./log.ts";
import { createStepLogTable, stepLogTables } from "./step-log-store.ts";
import { verifyStore } from "./verify-store.ts";

/**
 * The event log in one SQLite file; a new one when there is none. Throws LEDGER_INVALID, naming the
 * first bad entry, when the file is not what was signed, and SETUP_FAILED when it cannot be opened
 * or a newer version wrote it.
 *
 * A commit blocks the thread until the disk has it: better-sqlite3 is synchronous. What arrives in
 * that time waits in the sockets, is read in the event loop's next turn, and goes into the next
 * commit as one. A second process on the same file cannot append: its entries' numbers are taken.
 */
export function openSqliteLog(options: {
  readonly path: string;
  readonly signer: NoteSigner;
  /** When to commit what has been appended; at the end of the event loop's turn when left out. */
  readonly schedule?: (run: () => void) => void;
}): EventLog & { readonly stepLogs: StepLogStore } {
  const { path, signer, schedule = setImmediate } = options;
  const database = openDatabase({
    path,
    schemaVersion: 1,
    create(fresh) {
      fresh.exec(leafTables + stepLogTables);
      createLeafStore(fresh).insertCheckpoint(signTree(new MerkleTree(sha256), signer));
    },
  });
  try {
    const leaves = createLeafStore(database);
    const verified = verifyStore(leaves, signer);
    database.exec(historyTables);
    const storage = createStorage(database, leaves);
    return createLog({ storage, ...verified, signer, schedule });
  } catch (cause) {
    database.close();
    if (cause instanceof CohortError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refuse("LEDGER_INVALID", `${path} cannot be read: ${reason}`, {}, cause);
  }
}

function createStorage(database: Database.Database, store: LeafStore): LogStorage {
  const stepLogs = createStepLogTable(database);
  const history = createHistoryTable(database, stepLogs.remove);
  const write = database.transaction(({ seq, leaves, checkpoint, chunks, changes }: LogBatch) => {
    leaves.forEach((leaf, at) => {
      store.insert(seq + at, leaf);
    });
    if (checkpoint !== null) store.insertCheckpoint(checkpoint);
    for (const chunk of chunks) stepLogs.insert(chunk);
    if (leaves.length > 0) history.write(changes, seq + leaves.length - 1);
  });
  const catchUp = database.transaction(history.write);
  return {
    commit: (batch) => write.immediate(batch),
    leaves: (seq, count) => store.rows(seq, count).map(({ seq: _, ...leaf }) => leaf),
    stepLogs,
    history: { ...history, write: (changes, seq) => catchUp.immediate(changes, seq) },
    close: () => void database.close(),
  };
}
