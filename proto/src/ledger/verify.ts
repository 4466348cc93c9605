import { CohortError } from "../problem.ts";
import { parseCanonicalJson } from "./canonical.ts";
import { type Checkpoint, openCheckpoint } from "./checkpoint.ts";
import { MerkleTree, type Sha256, sameHash, textLeafHash } from "./merkle.ts";
import { type NoteCrypto, parseVerifierKey } from "./note.ts";

/** One entry as it was stored: its canonical JSON, and the hash written beside it. */
export interface LedgerLeaf {
  readonly json: string;
  readonly leafHash: Uint8Array;
}

/**
 * `index` (from 0) and `seq` (from 1) name the first bad entry; both are null when the fault lies
 * in the checkpoint, or cannot be narrowed to one entry.
 */
export type LedgerVerdict =
  | { readonly ok: true; readonly size: number; readonly root: Uint8Array }
  | {
      readonly ok: false;
      readonly index: number | null;
      readonly seq: number | null;
      readonly code: "LEDGER_INVALID";
      readonly reason: string;
    };

/** Holds a whole ledger against a checkpoint, with nothing but the public key. Never throws for bad input. */
export function verifyLedger(ledger: {
  readonly leaves: Iterable<LedgerLeaf>;
  readonly note: string;
  readonly verifierKey: string;
  readonly crypto: NoteCrypto;
}): LedgerVerdict {
  const check = new LedgerCheck(ledger.crypto);
  for (const leaf of ledger.leaves) {
    if (!check.add(leaf)) break;
  }
  return check.verdict(ledger.note, ledger.verifierKey);
}

/** The same for a ledger that arrives piece by piece; it keeps none of it. */
export class LedgerCheck {
  readonly #crypto: NoteCrypto;
  readonly #tree: MerkleTree;
  #fault: LedgerVerdict | null = null;

  constructor(crypto: NoteCrypto) {
    this.#crypto = crypto;
    this.#tree = new MerkleTree(crypto.sha256);
  }

  /** False once an entry is bad: those that follow are not looked at. */
  add(leaf: LedgerLeaf): boolean {
    if (this.#fault !== null) return false;
    const reason = faultOf(leaf, this.#tree.size, this.#crypto.sha256);
    if (reason === null) this.#tree.append(leaf.leafHash);
    else this.#fault = badEntry(this.#tree.size, reason);
    return reason === null;
  }

  verdict(note: string, verifierKey: string): LedgerVerdict {
    if (this.#fault !== null) return this.#fault;
    const checkpoint = open(note, verifierKey, this.#crypto);
    if ("reason" in checkpoint) return badLedger(checkpoint.reason);
    const { size } = this.#tree;
    if (size < checkpoint.size) {
      return badEntry(size, `the ledger ends here; the checkpoint has ${checkpoint.size} entries`);
    }
    if (size > checkpoint.size) {
      return badEntry(checkpoint.size, "the checkpoint does not cover this entry");
    }
    const root = this.#tree.root();
    if (!sameHash(root, checkpoint.root)) {
      return badLedger(
        "the entries are not those that were signed: one was rewritten with its hash",
      );
    }
    return { ok: true, size, root };
  }
}

function faultOf(leaf: LedgerLeaf, index: number, sha256: Sha256): string | null {
  if (!sameHash(textLeafHash(sha256, leaf.json), leaf.leafHash)) {
    return "its text does not match its stored hash: it was edited";
  }
  const entry = parseCanonicalJson(leaf.json);
  if (entry === undefined) return "its text is not canonical JSON";
  const seq = entry !== null && typeof entry === "object" && "seq" in entry ? entry.seq : undefined;
  if (seq !== index + 1) {
    return `it says that it is entry ${String(seq)}: one was removed, inserted or moved`;
  }
  return null;
}

function open(
  note: string,
  verifierKey: string,
  crypto: NoteCrypto,
): Checkpoint | { readonly reason: string } {
  try {
    return openCheckpoint(note, parseVerifierKey(verifierKey, crypto.sha256), crypto);
  } catch (error) {
    if (error instanceof CohortError) return { reason: error.message };
    throw error;
  }
}

function badEntry(index: number, reason: string): LedgerVerdict {
  return { ok: false, index, seq: index + 1, code: "LEDGER_INVALID", reason };
}

function badLedger(reason: string): LedgerVerdict {
  return { ok: false, index: null, seq: null, code: "LEDGER_INVALID", reason };
}
