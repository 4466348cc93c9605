import { signCheckpoint } from "@cohort/proto/ledger/checkpoint";
import type { NoteSigner } from "@cohort/proto/ledger/note";
import type { HistoryChange } from "../history/history.ts";
import { sha256 } from "../ledger/crypto.ts";
import type { GrowingTree, HashRow } from "../ledger/hash-rows.ts";
import { createCheckpointSigner } from "../ledger/ledger.ts";
import { toLeaf } from "./leaf.ts";
import type { Drop, StepLogChunk, StoredLeaf } from "./log.ts";

/** What one commit makes durable. */
export interface LogBatch {
  /** Number of the first entry; the others follow. */
  readonly seq: number;
  /** The entries, in canonical JSON. */
  readonly texts: readonly string[];
  readonly chunks: readonly StepLogChunk[];
  /** What the entries change in the query table. */
  readonly changes: readonly HistoryChange[];
  /** Remainders that the entries put in the place of earlier ones. */
  readonly drops: readonly Drop[];
  /** Of the key that signs from this commit on; absent where it stays the same. */
  readonly seed?: Uint8Array;
}

/** The same as rows. */
export interface LogRows extends Omit<LogBatch, "texts" | "seed"> {
  readonly leaves: readonly StoredLeaf[];
  /** Of the tree with these leaves, those that they made or changed. */
  readonly hashRows: readonly HashRow[];
  /** Over all leaves with these; null when there are none. */
  readonly checkpoint: SizedNote | null;
}

/** A signed checkpoint beside the size that it covers. */
export interface SizedNote {
  readonly size: number;
  readonly note: string;
}

/**
 * Makes leaves of entries and stores them under a new checkpoint, which it returns; null when the
 * batch has no entries. `store` stores all rows, durably, or throws and stores none. After it has thrown
 * the tree is ahead of the disk, and nothing more may be committed.
 */
export function createCommitter(options: {
  readonly tree: GrowingTree;
  readonly signer: NoteSigner;
  readonly store: (rows: LogRows) => void;
}): (batch: LogBatch) => SizedNote | null {
  const { tree, store } = options;
  let { signer } = options;
  return ({ texts, seed, ...rest }) => {
    if (seed !== undefined) signer = createCheckpointSigner(seed, signer.name);
    const leaves = texts.map(toLeaf);
    for (const { leafHash } of leaves) tree.append(leafHash);
    const checkpoint = leaves.length === 0 ? null : signTree(tree, signer);
    const hashRows = [...tree.takeFull(), ...tree.takeGrown()];
    store({ ...rest, leaves, hashRows, checkpoint });
    return checkpoint;
  };
}

/** A checkpoint over the tree as it is. */
export function signTree(tree: GrowingTree, signer: NoteSigner): SizedNote {
  const { size } = tree;
  return { size, note: signCheckpoint({ size, root: tree.root() }, signer, sha256) };
}
