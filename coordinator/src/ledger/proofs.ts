import type { DroppedInfo } from "@cohort/proto/gen/cohort/console";
import { parseCheckpointBody } from "@cohort/proto/ledger/checkpoint";
import { verifyConsistency, verifyInclusion } from "@cohort/proto/ledger/merkle-proof";
import { refuse } from "@cohort/proto/problem";
import { fromLeaf } from "../log/leaf.ts";
import type { EventLog, ExportedLeaf } from "../log/log.ts";
import { sha256 } from "./crypto.ts";
import { hashBytes, rowHashes } from "./hash-rows.ts";
import { proveConsistency, proveInclusion, rootOf } from "./prove.ts";

type ProvableLog = Pick<EventLog, "size" | "leaves" | "hashes" | "checkpoint">;

/** That an entry is in the tree of the newest checkpoint. Throws ENTRY_UNKNOWN, LEDGER_INVALID. */
export function proveEntry(log: ProvableLog, seq: number): EntryProof {
  const { note: checkpoint, size, root } = newest(log);
  const [leaf] = seq >= 1 && seq <= size ? log.leaves(seq, 1) : [];
  if (leaf === undefined) {
    throw refuse("ENTRY_UNKNOWN", `the ledger has no entry ${seq}; it has ${size}`);
  }
  const path = orDamaged(() => proveInclusion(log.hashes, seq - 1, size));
  const claim = { index: seq - 1, leaf: leaf.leafHash, size, root, path };
  if (!verifyInclusion(sha256, claim)) throw damaged();
  const { json, leafHash } = leaf;
  return { json, leafHash, path, checkpoint, dropped: droppedOf(log, leaf) };
}

export interface EntryProof {
  /** The entry, or what is left of it. */
  readonly json: string;
  readonly leafHash: Uint8Array;
  readonly path: readonly Uint8Array[];
  readonly checkpoint: string;
  /** Undefined while the entry is whole. */
  readonly dropped: DroppedInfo | undefined;
}

/** When and why the payload went, as the entry says by which it did. */
function droppedOf(log: ProvableLog, { droppedBy: by }: ExportedLeaf): DroppedInfo | undefined {
  const [record] = by === 0 ? [] : log.leaves(by, 1);
  if (record === undefined) return undefined;
  const { atMs, event } = fromLeaf(record, by);
  const maxAgeMs = event?.$case === "payloadsDropped" ? event.value.maxAgeMs : 0;
  return { by, atMs, maxAgeMs };
}

/**
 * That the tree of the newest checkpoint begins with the first `size` entries' own, whose root that
 * is. Throws ENTRY_UNKNOWN, LEDGER_INVALID.
 */
export function proveGrowth(
  log: ProvableLog,
  size: number,
): {
  readonly root: Uint8Array;
  readonly path: readonly Uint8Array[];
  readonly checkpoint: string;
} {
  const { note: checkpoint, ...newer } = newest(log);
  if (size > newer.size) {
    throw refuse("ENTRY_UNKNOWN", `the ledger has ${newer.size} entries, and never had ${size}`, {
      hint: "If a checkpoint of so many was signed, this is not the ledger that it was of.",
    });
  }
  const path = orDamaged(() => proveConsistency(log.hashes, size, newer.size));
  const older = { size, root: orDamaged(() => rootOf(log.hashes, size)) };
  if (!verifyConsistency(sha256, { older, newer, path })) throw damaged();
  return { root: older.root, path, checkpoint };
}

/**
 * The hashes of subtrees of 256^level leaves from the 256 times `number`th on, at most 256, as
 * https://c2sp.org/tlog-tiles numbers them. Throws ENTRY_UNKNOWN where there are none.
 */
export function tileOf(
  { size, hashes }: Pick<EventLog, "size" | "hashes">,
  level: number,
  number: number,
): Uint8Array {
  const there = Math.floor(size / tileHashes ** level) - number * tileHashes;
  const count = Math.min(tileHashes, there);
  if (!(count > 0)) throw refuse("ENTRY_UNKNOWN", `there is no tile ${number} of level ${level}`);
  const rows = Array.from({ length: Math.ceil(count / rowHashes) }, (_, at) =>
    hashes(level * rowsPerTileHeight, number * rowHashes + at),
  );
  const tile = Buffer.concat(rows).subarray(0, count * hashBytes);
  if (tile.length < count * hashBytes) throw damaged();
  return tile;
}

/** A tile is as high as two rows. */
const rowsPerTileHeight = 2;
const tileHashes = rowHashes ** rowsPerTileHeight;

function newest(log: ProvableLog) {
  const note = log.checkpoint();
  const { size, root } = parseCheckpointBody(note);
  return { note, size, root };
}

function orDamaged<Value>(prove: () => Value): Value {
  try {
    return prove();
  } catch (error) {
    if (error instanceof RangeError) throw damaged(error);
    throw error;
  }
}

/** The leaves were held against the checkpoint when the log was opened; hash rows only follow from them. */
function damaged(cause?: unknown): Error {
  return refuse(
    "LEDGER_INVALID",
    "hashes of the tree are damaged, so that nothing can be proved by them",
    { hint: "Start the coordinator again: it makes them anew from the entries." },
    cause,
  );
}
