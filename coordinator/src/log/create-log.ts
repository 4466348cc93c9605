import type { Entry } from "@cohort/proto/gen/cohort/ledger";
import { signCheckpoint } from "@cohort/proto/ledger/checkpoint";
import type { MerkleTree } from "@cohort/proto/ledger/merkle";
import type { NoteSigner } from "@cohort/proto/ledger/note";
import type { HistoryChange } from "../history/history.ts";
import { sha256 } from "../ledger/crypto.ts";
import { GroupCommit } from "./group-commit.ts";
import type { HistoryStore } from "./history-store.ts";
import { fromLeaf, toLeaf } from "./leaf.ts";
import type { EventLog, StepLogChunk, StepLogStore, StoredLeaf } from "./log.ts";
import { createPendingHistory } from "./pending-history.ts";

/** Where a log keeps what it has; one for each adapter. */
export interface LogStorage {
  /** Stores the whole batch, durably, or throws and stores none of it. */
  readonly commit: (batch: LogBatch) => void;
  readonly leaves: EventLog["leaves"];
  readonly stepLogs: Pick<StepLogStore, "read" | "extent">;
  /** Its `write` is a transaction of its own outside `commit`. */
  readonly history: HistoryStore;
  readonly close: () => void;
}

export interface LogBatch {
  /** Number of the first leaf; the others follow. */
  readonly seq: number;
  readonly leaves: readonly StoredLeaf[];
  /** Over all leaves with these; null when there are none. */
  readonly checkpoint: SizedNote | null;
  readonly chunks: readonly StepLogChunk[];
  /** What the leaves change in the query table. */
  readonly changes: readonly HistoryChange[];
}

/** A signed checkpoint beside the size that it covers. */
export interface SizedNote {
  readonly size: number;
  readonly note: string;
}

/**
 * The event log over a storage. `tree` and `note` are those of the stored leaves. Appends that arrive
 * before `schedule` calls back share a commit, entries and step logs alike.
 */
export function createLog(options: {
  readonly storage: LogStorage;
  readonly tree: MerkleTree;
  readonly note: string;
  readonly signer: NoteSigner;
  readonly schedule: (run: () => void) => void;
}): EventLog & { readonly stepLogs: StepLogStore } {
  const { storage, tree, signer, schedule } = options;
  let durable: SizedNote = { size: tree.size, note: options.note };
  let next = tree.size + 1;
  const group = new GroupCommit<Item>({
    schedule,
    commit(items) {
      const leaves = items.flatMap((item) => item.leaves);
      for (const leaf of leaves) tree.append(leaf.leafHash);
      const checkpoint = leaves.length === 0 ? null : signTree(tree, signer);
      const chunks = items.flatMap((item) => item.chunks);
      const changes = items.flatMap((item) => item.changes);
      storage.commit({ seq: durable.size + 1, leaves, checkpoint, chunks, changes });
      durable = checkpoint ?? durable;
      history.committed(changes);
    },
  });
  const history = createPendingHistory(storage.history);

  return {
    get size() {
      return durable.size;
    },
    async append(entries, changes = []) {
      if (entries.length === 0) return;
      const durably = group.add(() => ({
        leaves: entries.map((it) => toNumberedLeaf(it, next++)),
        chunks: [],
        changes,
      }));
      history.appended(changes);
      await durably;
    },
    entries: (seq) => checkedEntries(storage, seq),
    leaves: storage.leaves,
    checkpoint: () => durable.note,
    history: history.queries,
    close() {
      group.close();
      storage.close();
    },
    stepLogs: {
      async append(chunks) {
        if (chunks.length > 0) await group.add(() => ({ leaves: [], chunks, changes: [] }));
      },
      read: storage.stepLogs.read,
      extent: storage.stepLogs.extent,
    },
  };
}

/** A checkpoint over the tree as it is. */
export function signTree(tree: MerkleTree, signer: NoteSigner): SizedNote {
  const { size } = tree;
  return { size, note: signCheckpoint({ size, root: tree.root() }, signer, sha256) };
}

/** What one append brings. */
interface Item {
  readonly leaves: readonly StoredLeaf[];
  readonly chunks: readonly StepLogChunk[];
  readonly changes: readonly HistoryChange[];
}

function toNumberedLeaf(entry: Entry, seq: number): StoredLeaf {
  if (entry.seq !== seq) throw new RangeError(`entry ${entry.seq} came where ${seq} was next`);
  return toLeaf(entry);
}

function* checkedEntries(storage: LogStorage, from: number): Generator<Entry> {
  let seq = from;
  let page = storage.leaves(seq, pageLeaves);
  while (page.length > 0) {
    for (const leaf of page) yield fromLeaf(leaf, seq++);
    page = storage.leaves(seq, pageLeaves);
  }
}

const pageLeaves = 256;
