import { CohortError } from "../problem.ts";
import { parseCanonicalJson } from "./canonical.ts";
import { isAt, isSurelyCanonical } from "./canonical-scan.ts";
import { type Checkpoint, openCheckpoint, parseCheckpointBody } from "./checkpoint.ts";
import { DroppedPayloads } from "./dropped-payloads.ts";
import { followLedgerKeys, type KeyLink } from "./keys.ts";
import { leafHash, MerkleTree, sameHash } from "./merkle.ts";
import { fromBase64, type NoteCrypto, parseVerifierKey } from "./note.ts";
import { faultOfRemainder } from "./remainder.ts";

/**
 * One entry as it was stored: its canonical JSON, and the hash written beside it. Where the JSON is bytes,
 * they are well-formed UTF-8. Of an entry whose payload retention dropped, it is what is left.
 */
export interface LedgerLeaf<Json extends string | Uint8Array = string> {
  readonly json: Json;
  readonly leafHash: Uint8Array;
  /** The note that was signed when this entry was the last; "" or absent where none was. */
  readonly checkpoint?: string;
  /** The entry that records that the payload was dropped; 0 or absent while it is there. */
  readonly droppedBy?: number;
}

/**
 * `index` (from 0) and `seq` (from 1) name the first bad entry. Where an entry was rewritten together
 * with its hash, only the checkpoints in between tell where: then they name the first entry of the
 * commit that holds it, and `reason` the last. Both are null when the fault lies in the checkpoint.
 */
export type LedgerVerdict =
  | {
      readonly ok: true;
      readonly size: number;
      readonly root: Uint8Array;
      /** Entries whose payload retention dropped, each as a later entry records it. */
      readonly dropped: number;
    }
  | {
      readonly ok: false;
      readonly index: number | null;
      readonly seq: number | null;
      readonly code: "LEDGER_INVALID";
      readonly reason: string;
    };

/** Holds a whole ledger against a checkpoint, with nothing but the public key. Never throws for bad input. */
export function verifyLedger(ledger: {
  readonly leaves: Iterable<LedgerLeaf<string | Uint8Array>>;
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
  readonly #dropped = new DroppedPayloads();

  constructor(crypto: NoteCrypto) {
    this.#crypto = crypto;
    this.#tree = new MerkleTree(crypto.sha256);
  }

  /** Of what has been added and was not bad. */
  get tree(): Pick<MerkleTree, "size" | "root"> {
    return this.#tree;
  }

  /** False once an entry is bad: those that follow are not looked at. */
  add(leaf: LedgerLeaf<string | Uint8Array>): boolean {
    if (this.#fault !== null) return false;
    const { json, leafHash: stored, checkpoint = "", droppedBy = 0 } = leaf;
    const text = typeof json === "string" ? utf8.encode(json) : json;
    const hash = leafHash(this.#crypto.sha256, text);
    if (droppedBy !== 0) return this.#addDropped(json, { hash, stored, checkpoint, droppedBy });
    if (!sameHash(hash, stored)) {
      return this.#refuse("its text does not match its stored hash: it was edited");
    }
    const entry = lookAt(text, json);
    if (entry === null) return this.#refuse("its text is not canonical JSON");
    if (entry.seq !== this.#tree.size + 1) {
      const told = `it says that it is entry ${String(entry.seq)}`;
      return this.#refuse(`${told}: one was removed, inserted or moved`);
    }
    this.#tree.append(hash);
    if (entry.tells) this.#keep(text);
    if (checkpoint !== "") this.#pass(checkpoint);
    return true;
  }

  verdict(note: string, verifierKey: string): LedgerVerdict {
    const unrecorded = this.#dropped.unrecorded();
    if (this.#fault !== null) return this.#fault;
    if (unrecorded !== null) return badEntry(unrecorded.seq - 1, unrecorded.reason);
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
    return { ok: true, size, root, dropped: this.#dropped.recorded };
  }

  /** What is left of an entry: a later one must say so, with its hash. */
  #addDropped(
    json: string | Uint8Array,
    { hash, stored, checkpoint, droppedBy }: DroppedLeaf,
  ): boolean {
    const seq = this.#tree.size + 1;
    const text = typeof json === "string" ? json : fromUtf8.decode(json);
    const fault = faultOfRemainder(text, seq);
    if (fault !== null) return this.#refuse(fault);
    this.#tree.append(stored);
    this.#dropped.note(seq, { by: droppedBy, hash });
    if (checkpoint !== "") this.#pass(checkpoint);
    return true;
  }

  #refuse(reason: string): false {
    this.#fault = badEntry(this.#tree.size, reason);
    return false;
  }

  /** What an entry says of the key that signs from its commit on, or of entries before it. */
  #keep(text: Uint8Array): void {
    const entry = JSON.parse(fromUtf8.decode(text)) as Record<string, StringFields>;
    this.#dropped.record(this.#tree.size, entry["payloadsDropped"]);
    const { meshCreated, ledgerKeyRotated } = entry;
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

interface DroppedLeaf {
  /** Of what is left. */
  readonly hash: Uint8Array;
  readonly stored: Uint8Array;
  readonly checkpoint: string;
  readonly droppedBy: number;
}

/** A checkpoint met on the way through the entries. */
interface Passed {
  readonly size: number;
  readonly note: string;
}

/** Forged checkpoints that are looked through for the first true one. */
const differingMax = 1000;

/** What the check asks of an entry. */
interface Look {
  readonly seq: unknown;
  /** Of a key of the ledger, or of other entries. */
  readonly tells: boolean;
}

/** Null when the text is not canonical JSON. `json` is the same as it came. */
function lookAt(text: Uint8Array, json: string | Uint8Array): Look | null {
  // Half a surrogate pair is in no UTF-8: what stands in its place there is another text.
  if (typeof json === "string" && !json.isWellFormed()) return null;
  let seq: number | undefined;
  let tells = false;
  const isSure = isSurelyCanonical(text, (key, keyEnd, value, end) => {
    const isKey = (name: Uint8Array) => name.length === keyEnd - key && isAt(text, key, name);
    if (isKey(seqName)) seq = countIn(text, value, end);
    else if (tellingNames.some(isKey)) tells = true;
  });
  if (isSure && seq !== undefined) return { seq, tells };
  const entry = parseCanonicalJson(typeof json === "string" ? json : fromUtf8.decode(json));
  if (entry === undefined) return null;
  if (entry === null || typeof entry !== "object") return { seq: undefined, tells: false };
  return {
    seq: "seq" in entry ? entry.seq : undefined,
    tells: tellingEvents.some((name) => name in entry),
  };
}

/** The digits there, of which there are at most fifteen; undefined where something else is. */
function countIn(text: Uint8Array, from: number, to: number): number | undefined {
  let count = 0;
  for (let at = from; at < to; at++) {
    const digit = (text[at] as number) - zero;
    if (digit < 0 || digit > 9) return undefined;
    count = count * 10 + digit;
  }
  return count;
}

const utf8 = new TextEncoder();
/** Of what no byte is left out. */
const fromUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const zero = 48;
const seqName = utf8.encode("seq");
/** The events that name a key of the ledger, or entries whose payload was dropped. */
const tellingEvents = ["ledgerKeyRotated", "meshCreated", "payloadsDropped"];
const tellingNames = tellingEvents.map((name) => utf8.encode(name));

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
