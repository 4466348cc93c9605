import { Entry } from "@cohort/proto/gen/cohort/ledger";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { sameHash, textLeafHash } from "@cohort/proto/ledger/merkle";
import { refuse } from "@cohort/proto/problem";
import { sha256 } from "../ledger/crypto.ts";
import { restored } from "../ledger/remainder.ts";
import type { ExportedLeaf, StoredLeaf } from "./log.ts";

/** The entry as it is stored and hashed. Throws a TypeError when JSON cannot carry it (RFC 8785 §3.1). */
export function textOf(entry: Entry): string {
  if (entry.event === undefined) throw new TypeError(`entry ${entry.seq} has no event`);
  const text = canonicalJson(Entry.toJSON(entry));
  // Reading it lets go of the dozens of pieces that it is made of, which would wait for the commit with it.
  text.charCodeAt(0);
  return text;
}

export function toLeaf(json: string): StoredLeaf {
  return { json, leafHash: textLeafHash(sha256, json) };
}

/**
 * Where the payload was dropped, the entry as `restored` gives it. Throws LEDGER_INVALID when the text is
 * not what was hashed, or not entry `seq` as this version knows it.
 */
export function fromLeaf(
  leaf: StoredLeaf & Partial<Pick<ExportedLeaf, "droppedBy" | "remainderHash">>,
  seq: number,
): Entry {
  const { droppedBy = 0, remainderHash = null } = leaf;
  const isWhole = droppedBy === 0;
  const hash = isWhole ? leaf.leafHash : (remainderHash ?? nothing);
  if (!sameHash(textLeafHash(sha256, leaf.json), hash)) {
    throw invalidEntry(seq, "its text does not match its stored hash: it was edited");
  }
  const entry = isWhole ? Entry.fromJSON(JSON.parse(leaf.json)) : restored(leaf.json);
  if (entry.seq !== seq) throw invalidEntry(seq, `it says that it is entry ${entry.seq}`);
  if (entry.event === undefined)
    throw invalidEntry(seq, "its event is none that this version knows");
  return entry;
}

const nothing = new Uint8Array(0);

/** LEDGER_INVALID that names the entry. */
export function invalidEntry(seq: number, reason: string): Error {
  return refuse("LEDGER_INVALID", `entry ${seq}: ${reason}`);
}
