import type { Entry } from "@cohort/proto/gen/cohort/ledger";
import type { HistoryChange } from "../history/history.ts";
import type { LogBatch, SizedNote } from "./committer.ts";
import { GroupCommit } from "./group-commit.ts";
import type { HistoryStore } from "./history-store.ts";
import { fromLeaf, textOf } from "./leaf.ts";
import type { Drop, EventLog, StepLogChunk, StepLogStore } from "./log.ts";
import { createPendingHistory } from "./pending-history.ts";
import { PreparedDrops } from "./prepared-drops.ts";

/** Where a log keeps what it has; one for each adapter. */
export interface LogStorage {
  /**
   * Stores the whole batch, durably, and resolves with its checkpoint, null when it has no entries; or
   * rejects and stores none of it. Called for one batch at a time.
   */
  readonly commit: (batch: LogBatch) => Promise<SizedNote | null>;
  readonly leaves: EventLog["leaves"];
  readonly hashes: EventLog["hashes"];
  readonly stepLogs: Pick<StepLogStore, "read" | "extent" | "pieces">;
  readonly purge: EventLog["purge"];
  /** Its `write` is a transaction of its own outside `commit`, for when nothing is committed yet. */
  readonly history: HistoryStore;
  readonly close: () => Promise<void>;
}

/**
 * The event log over a storage. `stored` is the newest checkpoint there. Appends that arrive before
 * `schedule` calls back, or while a commit runs, share a commit, entries and step logs alike.
 */
export function createLog(options: {
  readonly storage: LogStorage;
  readonly stored: SizedNote;
  readonly schedule: (run: () => void) => void;
  readonly seedOf?: SeedOf;
}): EventLog & { readonly stepLogs: StepLogStore } {
  const { storage, schedule, seedOf } = options;
  let durable = options.stored;
  let next = durable.size + 1;
  const group = new GroupCommit<Item>({
    schedule,
    async commit(items) {
      const texts = items.flatMap((item) => item.texts);
      const chunks = items.flatMap((item) => item.chunks);
      const changes = items.flatMap((item) => item.changes);
      const drops = items.flatMap((item) => item.drops);
      const seed = items.findLast((item) => item.seed !== undefined)?.seed;
      const batch = { seq: durable.size + 1, texts, chunks, changes, drops };
      const checkpoint = await storage.commit(seed === undefined ? batch : { ...batch, seed });
      seed?.fill(0);
      durable = checkpoint ?? durable;
      history.committed(changes);
    },
  });
  const history = createPendingHistory(storage.history);
  const prepared = new PreparedDrops();

  return {
    get size() {
      return durable.size;
    },
    // Not async: while it waits it would keep the entries, of which only the texts are needed.
    append(entries, changes = []) {
      if (entries.length === 0) return Promise.resolve();
      const durably = group.add(() => ({
        texts: entries.map((it) => numberedText(it, next++)),
        chunks: [],
        changes,
        drops: prepared.take(entries),
        seed: seedFor(entries, seedOf),
      }));
      history.appended(changes);
      return durably;
    },
    entries: (seq) => checkedEntries(storage, seq),
    leaves: storage.leaves,
    hashes: storage.hashes,
    checkpoint: () => durable.note,
    history: history.queries,
    prepareDrop: (remainders) => prepared.hold(remainders),
    purge: storage.purge,
    async close() {
      await group.close();
      await storage.close();
    },
    stepLogs: {
      async append(chunks) {
        if (chunks.length > 0) {
          await group.add(() => ({ texts: [], chunks, changes: [], drops: [], seed: undefined }));
        }
      },
      read: storage.stepLogs.read,
      extent: storage.stepLogs.extent,
      pieces: storage.stepLogs.pieces,
    },
  };
}

/** What one append brings. */
interface Item {
  readonly texts: readonly string[];
  readonly chunks: readonly StepLogChunk[];
  readonly changes: readonly HistoryChange[];
  readonly drops: readonly Drop[];
  readonly seed: Uint8Array | undefined;
}

/** The seed of a key that signs the ledger, by the public half. */
export type SeedOf = (key: Uint8Array) => Uint8Array;

/** The commit that records another key is the first that it signs: no checkpoint is between them. */
function seedFor(entries: readonly Entry[], seedOf?: SeedOf): Uint8Array | undefined {
  const rotated = entries.findLast(({ event }) => event?.$case === "ledgerKeyRotated")?.event;
  if (rotated?.$case !== "ledgerKeyRotated") return undefined;
  if (seedOf === undefined) throw new TypeError("this log has one key for ever");
  return seedOf(rotated.value.key);
}

function numberedText(entry: Entry, seq: number): string {
  if (entry.seq !== seq) throw new RangeError(`entry ${entry.seq} came where ${seq} was next`);
  return textOf(entry);
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
