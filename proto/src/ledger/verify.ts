import { CohortError } from "../problem.ts";
import { parseCanonicalJson } from "./canonical.ts";
import { canonicalSeq } from "./canonical-scan.ts";
import { type Checkpoint, openCheckpoint, parseCheckpointBody } from "./checkpoint.ts";
import { followLedgerKeys, type KeyLink } from "./keys.ts";
import { MerkleTree, type Sha256, sameHash, textLeafHash } from "./merkle.ts";
import { fromBase64, type NoteCrypto, parseVerifierKey } from "./note.ts";

/** One entry as it was stored: its canonical JSON, and the hash written beside it. */
export interface LedgerLeaf {
  readonly json: string;
  readonly leafHash: Uint8Array;
  /** The note that was signed when this entry was the last; "" or absent where none was. */
  readonly checkpoint?: string;
}

/**
 * `index` (from 0) and `seq` (from 1) name the first bad entry. Where an entry was rewritten together
 * with its hash, only the checkpoints in between tell where: then they name the first entry of the
 * commit that holds it, and `reason` the last. Both are null when the fault lies in the checkpoint.
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
  readonly #links: (KeyLink & { readonly size: number })[] = [];
  #fault: LedgerVerdict | null = null;
  /** The latest checkpoint on the way whose root is the tree's, and the first few that differ. */
  #matching: Passed = { size: 0, note: "" };
  readonly #differing: { readonly passed: Passed; readonly after: Passed }[] = [];

  constructor(crypto: NoteCrypto) {
    this.#crypto = crypto;
    this.#tree = new MerkleTree(crypto.sha256);
  }

  /** Of what has been added and was not bad. */
  get tree(): Pick<MerkleTree, "size" | "root"> {
    return this.#tree;
  }

  /** False once an entry is bad: those that follow are not looked at. */
  add(leaf: LedgerLeaf): boolean {
    if (this.#fault !== null) return false;
    const reason = faultOf(leaf, this.#tree.size, this.#crypto.sha256);
    if (reason !== null) {
      this.#fault = badEntry(this.#tree.size, reason);
      return false;
    }
    this.#tree.append(leaf.leafHash);
    this.#keep(leaf.json);
    if (leaf.checkpoint !== undefined && leaf.checkpoint !== "") this.#pass(leaf.checkpoint);
    return true;
  }

  verdict(note: string, verifierKey: string): LedgerVerdict {
    if (this.#fault !== null) return this.#fault;
    const checkpoint = open(note, verifierKey, this.#links, this.#crypto);
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
      return this.#rewritten({ size, note }, verifierKey);
    }
    return { ok: true, size, root };
  }

  /** What an entry says of the key that signs from its commit on. */
  #keep(json: string): void {
    if (!json.includes('"ledgerKeyRotated":{') && !json.includes('"meshCreated":{')) return;
    const { meshCreated, ledgerKeyRotated } = JSON.parse(json) as Record<string, StringFields>;
    const key = meshCreated?.["ledgerKey"] ?? ledgerKeyRotated?.["key"];
    if (typeof key !== "string") return;
    const signature = fromBase64(String(ledgerKeyRotated?.["signature"] ?? ""));
    this.#links.push({ size: this.#tree.size, key: fromBase64(key), signature });
  }

  /** Compares roots only; signatures are looked at when something is wrong. */
  #pass(note: string): void {
    const passed = { size: this.#tree.size, note };
    const root = claimedRoot(note);
    if (root !== null && sameHash(root, this.#tree.root())) this.#matching = passed;
    else if (this.#differing.length < differingMax) {
      this.#differing.push({ passed, after: this.#matching });
    }
  }

  /** The first commit whose signed root is not that of the entries up to it. */
  #rewritten(last: Passed, verifierKey: string): LedgerVerdict {
    const signed = ({ size, note }: Passed) => {
      const links = this.#links.filter((it) => it.size <= size);
      const checkpoint = open(note, verifierKey, links, this.#crypto);
      return !("reason" in checkpoint) && checkpoint.size === size;
    };
    const candidates = [...this.#differing, { passed: last, after: this.#matching }];
    const found = candidates.find(({ passed }) => signed(passed)) as (typeof candidates)[number];
    const first = signed(found.after) ? found.after.size : 0;
    const which =
      first + 1 === found.passed.size
        ? "it was"
        : `one of the entries ${first + 1} to ${found.passed.size} was`;
    return badEntry(first, `${which} rewritten together with its hash`);
  }
}

type StringFields = Readonly<Record<string, string>> | undefined;

/** A checkpoint met on the way through the entries. */
interface Passed {
  readonly size: number;
  readonly note: string;
}

/** Forged checkpoints that are looked through for the first true one. */
const differingMax = 1000;

function faultOf(leaf: LedgerLeaf, index: number, sha256: Sha256): string | null {
  if (!sameHash(textLeafHash(sha256, leaf.json), leaf.leafHash)) {
    return "its text does not match its stored hash: it was edited";
  }
  if (canonicalSeq(leaf.json) === index + 1) return null;
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
  links: readonly KeyLink[],
  crypto: NoteCrypto,
): Checkpoint | { readonly reason: string } {
  try {
    const trusted = parseVerifierKey(verifierKey, crypto.sha256);
    return openCheckpoint(note, followLedgerKeys(trusted, links, crypto), crypto);
  } catch (error) {
    if (error instanceof CohortError) return { reason: error.message };
    throw error;
  }
}

/** What the note says, whoever signed it; its first three lines are the checkpoint. */
function claimedRoot(note: string): Uint8Array | null {
  try {
    return parseCheckpointBody(note).root;
  } catch (error) {
    if (error instanceof CohortError) return null;
    throw error;
  }
}

function badEntry(index: number, reason: string): LedgerVerdict {
  return { ok: false, index, seq: index + 1, code: "LEDGER_INVALID", reason };
}

function badLedger(reason: string): LedgerVerdict {
  return { ok: false, index: null, seq: null, code: "LEDGER_INVALID", reason };
}
