import type { NoteSigner } from "@cohort/proto/ledger/note";
import { attemptId } from "@cohort/proto/proof";
import { GrowingTree, type HashRow, rowHashes } from "../ledger/hash-rows.ts";
import { createCommitter, type LogRows, signTree } from "./committer.ts";
import { createLog, type LogStorage } from "./create-log.ts";
import type { EventLog, ExportedLeaf, StepLogChunk, StepLogStore } from "./log.ts";
import { createMemoryHistory, emptyHistory, type MemoryHistory } from "./memory-history.ts";
import { upTo } from "./step-log-store.ts";

/** What survives a log that is opened again over it, as a disk would. */
export interface MemoryDisk {
  readonly leaves: ExportedLeaf[];
  /** By place, in the order of arrival. */
  readonly chunks: Map<string, StepLogChunk>;
  /** By level and number. */
  readonly hashRows: Map<string, HashRow>;
  readonly history: MemoryHistory;
  /** When set, the next commit stores nothing and throws it. */
  failure: Error | null;
}

export function createMemoryDisk(): MemoryDisk {
  return {
    leaves: [],
    hashRows: new Map(),
    chunks: new Map(),
    history: emptyHistory(),
    failure: null,
  };
}

/**
 * The event log without a disk, for tests and for the simulator. `schedule` says when the next commit
 * begins; `write` is given each to run when it likes: never, and the process has crashed before it.
 */
export function openMemoryLog(options: {
  readonly signer: NoteSigner;
  readonly disk?: MemoryDisk;
  readonly schedule?: (run: () => void) => void;
  readonly write?: (run: () => void) => void;
}): EventLog & { readonly stepLogs: StepLogStore } {
  const { signer, disk = createMemoryDisk(), schedule = queueMicrotask, write } = options;
  const tree = new GrowingTree();
  for (const leaf of disk.leaves) tree.append(leaf.leafHash);
  for (const row of [...tree.takeFull(), ...tree.takeGrown()]) disk.hashRows.set(rowKey(row), row);
  const stored = signTree(tree, signer);
  const commit = createCommitter({ tree, signer, store: (rows) => store(disk, rows) });
  return createLog({
    storage: createStorage(disk, commit, write ?? ((run) => run())),
    stored,
    schedule,
  });
}

function createStorage(
  disk: MemoryDisk,
  commit: ReturnType<typeof createCommitter>,
  write: (run: () => void) => void,
): LogStorage {
  return {
    commit: (batch) =>
      new Promise((resolve, reject) => {
        write(() => {
          try {
            resolve(commit(batch));
          } catch (error) {
            reject(error);
          }
        });
      }),
    leaves: (seq, count) => disk.leaves.slice(seq - 1, seq - 1 + count),
    hashes(level, number) {
      if (level > 0) return disk.hashRows.get(rowKey({ level, number }))?.hashes ?? noHashes;
      const first = number * rowHashes;
      return Buffer.concat(disk.leaves.slice(first, first + rowHashes).map((it) => it.leafHash));
    },
    stepLogs: {
      read(run, step, cursor, most) {
        const found = [...disk.chunks.values()]
          .map((chunk, at) => ({ ...chunk, cursor: at + 1 }))
          .filter((it) => it.run === run && it.cursor > cursor)
          .filter((it) => step === "" || it.step === step);
        return upTo(most.bytes, found.slice(0, most.chunks));
      },
      pieces(attempt) {
        const id = attemptId(attempt);
        const found = [...disk.chunks.values()].filter((it) => attemptId(it) === id);
        return found.sort((a, b) => a.offset - b.offset);
      },
      extent(attempt) {
        const id = attemptId(attempt);
        const chunks = [...disk.chunks.values()].filter((it) => attemptId(it) === id);
        const ends = chunks.map(({ offset, data }) => offset + data.length);
        return { end: Math.max(0, ...ends), chunks: chunks.length };
      },
    },
    history: createMemoryHistory(disk.history, (run) => {
      for (const [place, chunk] of disk.chunks) if (chunk.run === run) disk.chunks.delete(place);
    }),
    purge: async () => true,
    close: async () => {},
  };
}

function store(
  disk: MemoryDisk,
  { seq, leaves, hashRows, checkpoint, chunks, changes, drops }: LogRows,
): void {
  const { failure } = disk;
  disk.failure = null;
  if (failure !== null) throw failure;
  if (seq !== disk.leaves.length + 1) throw new RangeError(`entry ${seq} is taken or too far on`);
  const noteOf = (at: number) => (at === leaves.length - 1 ? (checkpoint?.note ?? "") : "");
  for (const [at, leaf] of leaves.entries()) {
    disk.leaves.push({ ...leaf, ...whole, checkpoint: noteOf(at) });
  }
  for (const { seq: at, ...drop } of drops) {
    disk.leaves[at - 1] = { ...(disk.leaves[at - 1] as ExportedLeaf), ...drop };
  }
  for (const row of hashRows) disk.hashRows.set(rowKey(row), row);
  for (const chunk of chunks) {
    const place = placeOf(chunk);
    if (!disk.chunks.has(place)) disk.chunks.set(place, chunk);
  }
  if (leaves.length > 0) createMemoryHistory(disk.history).write(changes, disk.leaves.length);
}

const noHashes = new Uint8Array(0);
const whole = { droppedBy: 0, remainderHash: null };

function rowKey({ level, number }: Pick<HashRow, "level" | "number">): string {
  return `${level}/${number}`;
}

function placeOf({ run, step, instance, attempt, stream, offset }: StepLogChunk): string {
  return JSON.stringify([run, step, instance, attempt, stream, offset]);
}
