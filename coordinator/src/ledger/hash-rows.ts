import { type Frontier, MerkleTree } from "@cohort/proto/ledger/merkle";
import { sha256 } from "./crypto.ts";

/**
 * Hashes of perfect subtrees side by side: row `number` of `level` has those of the subtrees of
 * 16^level leaves from the sixteen times `number`th on. From these any hash of the tree is at most 15
 * hashes away, so that proofs need neither all leaves nor a tree in memory. Rows of level 0 are the
 * leaves' own hashes, which are stored with the leaves; only those above are made here.
 */
export interface HashRow {
  readonly level: number;
  readonly number: number;
  /** At most `rowHashes` of them, 32 bytes each. */
  readonly hashes: Uint8Array;
}

export const rowHeight = 4;
export const rowHashes = 2 ** rowHeight;
export const hashBytes = 32;

/** What is kept of a tree to append to it and to its rows. */
export interface TreeEdge {
  readonly frontier: Frontier;
  /** By level, the hashes of the row that is not full; none of level 0. */
  readonly rows: readonly (readonly Uint8Array[])[];
}

/** The ledger's tree as it grows, and the rows that this makes or changes. */
export class GrowingTree {
  readonly #tree: MerkleTree;
  readonly #rows: Uint8Array[][];
  #full: HashRow[] = [];
  readonly #grown = new Set<number>();

  constructor(edge?: TreeEdge) {
    this.#tree = new MerkleTree(sha256, edge?.frontier);
    this.#rows = Array.from(edge?.rows ?? [], (row) => [...(row ?? [])]);
  }

  get size(): number {
    return this.#tree.size;
  }

  append(leafHash: Uint8Array): void {
    const size = this.#tree.size + 1;
    this.#tree.append(leafHash, (level, hash) => {
      if (level % rowHeight === 0) this.#add(level / rowHeight, hash, size);
    });
  }

  root(): Uint8Array {
    return this.#tree.root();
  }

  /** Rows that have become full since the last call, each once. */
  takeFull(): HashRow[] {
    const full = this.#full;
    this.#full = [];
    return full;
  }

  /** Rows that have grown since the last call and are not full. */
  takeGrown(): HashRow[] {
    const levels = [...this.#grown].filter((level) => (this.#rows[level]?.length ?? 0) > 0);
    this.#grown.clear();
    return levels.map((level) => ({
      level,
      number: Math.floor(this.size / rowHashes ** (level + 1)),
      hashes: joined(this.#rows[level] as Uint8Array[]),
    }));
  }

  edge(): TreeEdge {
    return {
      frontier: this.#tree.frontier(),
      rows: Array.from(this.#rows, (row) => [...(row ?? [])]),
    };
  }

  #add(level: number, hash: Uint8Array, size: number): void {
    if (level === 0) return;
    this.#rows[level] ??= [];
    const row = this.#rows[level];
    row.push(hash);
    this.#grown.add(level);
    if (row.length < rowHashes) return;
    const number = size / rowHashes ** (level + 1) - 1;
    this.#full.push({ level, number, hashes: joined(row) });
    row.length = 0;
  }
}

function joined(hashes: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * hashBytes);
  for (const [at, hash] of hashes.entries()) bytes.set(hash, at * hashBytes);
  return bytes;
}
