import type { NoteSigner } from "@cohort/proto/ledger/note";
import { CohortError, refuse } from "@cohort/proto/problem";
import type Database from "better-sqlite3";
import { GrowingTree, type TreeEdge } from "../ledger/hash-rows.ts";
import { signerOf } from "../ledger/ledger.ts";
import type { CommitThread } from "./commit-thread.ts";
import { signTree } from "./committer.ts";
import { createLog, type LogStorage, type SeedOf } from "./create-log.ts";
import { openDatabase } from "./database.ts";
import { createHashRowTable, type HashRowTable, hashRowTables } from "./hash-row-table.ts";
import { createHistoryTable, historyTables } from "./history-table.ts";
import {
  createLeafStore,
  droppedTables,
  type LeafStore,
  leafTables,
  logSchemaVersion,
} from "./leaf-store.ts";
import type { EventLog, StepLogStore } from "./log.ts";
import { createSqliteWriter } from "./sqlite-writer.ts";
import { createStepLogTable, stepLogTables } from "./step-log-store.ts";
import { verifyStore } from "./verify-store.ts";

/**
 * The event log in one SQLite file; a new one when there is none. Throws LEDGER_INVALID, naming the
 * first bad entry, when the file is not what was signed, and SETUP_FAILED when it cannot be opened
 * or a newer version wrote it.
 *
 * better-sqlite3 is synchronous: a commit holds its thread up until the disk has it. With `startThread`
 * that is a thread of its own, and the others go on meanwhile; without, it is the one that appends. A
 * second process on the same file cannot append: its entries' numbers are taken.
 */
export function openSqliteLog(options: {
  readonly path: string;
  readonly signer: NoteSigner;
  /** Those that took its place, the oldest first. */
  readonly successors?: readonly NoteSigner[];
  readonly seedOf?: SeedOf;
  /** When to commit what has been appended; at the end of the event loop's turn when left out. */
  readonly schedule?: (run: () => void) => void;
  /** Starts the thread that commits, with the tree of what is stored. */
  readonly startThread?: (edge: TreeEdge, key: Uint8Array) => CommitThread;
}): EventLog & { readonly stepLogs: StepLogStore } {
  const { path, successors = [], seedOf, schedule = setImmediate, startThread } = options;
  const database = openDatabase({
    path,
    schemaVersion: logSchemaVersion,
    create(fresh) {
      fresh.exec(leafTables + droppedTables + stepLogTables);
      createLeafStore(fresh).insertCheckpoint(signTree(new GrowingTree(), options.signer));
    },
  });
  try {
    database.exec(droppedTables + historyTables + hashRowTables);
    const leaves = createLeafStore(database);
    const rows = createHashRowTable(database);
    const newest = leaves.newestCheckpoint()?.note ?? "";
    const signer = signerOf(newest, [options.signer, ...successors]);
    const { tree, note } = verifyStore(leaves, rows, signer);
    const stored = { size: tree.size, note };
    const start = () =>
      startThread?.(tree.edge(), signer.publicKey) ?? writerHere(database, tree, signer);
    return createLog({
      storage: createStorage(database, { leaves, rows }, start),
      stored,
      schedule,
      ...(seedOf === undefined ? {} : { seedOf }),
    });
  } catch (cause) {
    database.close();
    if (cause instanceof CohortError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refuse("LEDGER_INVALID", `${path} cannot be read: ${reason}`, {}, cause);
  }
}

function writerHere(
  database: Database.Database,
  tree: GrowingTree,
  signer: NoteSigner,
): CommitThread {
  const writer = createSqliteWriter(database, tree, signer);
  return {
    commit: async (batch) => writer.commit(batch),
    removeLogs: async (runs) => writer.removeLogs(runs),
    purge: async () => writer.purge(),
    close: async () => {},
  };
}

function createStorage(
  database: Database.Database,
  { leaves, rows }: { readonly leaves: LeafStore; readonly rows: HashRowTable },
  start: () => CommitThread,
): LogStorage {
  let started: CommitThread | null = null;
  // Not before the first commit: until then the history may still be written here.
  const writer = () => {
    started ??= start();
    return started;
  };
  const stepLogs = createStepLogTable(database);
  const history = createHistoryTable(database, stepLogs.remove);
  const catchUp = database.transaction(history.write);
  return {
    commit: (batch) => writer().commit(batch),
    leaves: (seq, count) => leaves.rows(seq, count).map(({ seq: _, ...leaf }) => leaf),
    hashes: (level, number) => (level === 0 ? leaves.hashes(number) : rows.read(level, number)),
    stepLogs,
    purge: () => writer().purge(),
    history: {
      ...history,
      write: (changes, seq) => catchUp.immediate(changes, seq),
      removeLogs: (runs) => writer().removeLogs(runs),
    },
    async close() {
      await started?.close();
      database.close();
    },
  };
}
