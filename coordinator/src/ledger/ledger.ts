import { parseCheckpointBody } from "@cohort/proto/ledger/checkpoint";
import { encodeVerifierKey, type NoteSigner, openNote } from "@cohort/proto/ledger/note";
import { CohortError, refuse } from "@cohort/proto/problem";
import type { EventLog, ExportedLeaf } from "../log/log.ts";
import { noteCrypto, sha256 } from "./crypto.ts";
import { createSigningKey } from "./ed25519.ts";

/** Signs the log's checkpoints; `verifierKey` is the C2SP vkey by which anyone verifies them. */
export interface CheckpointSigner extends NoteSigner {
  readonly verifierKey: string;
}

/**
 * `name` is the log's origin (C2SP tlog-checkpoint): unique to the mesh, without spaces or "+".
 * `seed` is an Ed25519 seed of 32 bytes; it is not kept, and may be wiped.
 */
export function createCheckpointSigner(seed: Uint8Array, name: string): CheckpointSigner {
  const signer = { name, ...createSigningKey(seed) };
  return { ...signer, verifierKey: encodeVerifierKey(signer, sha256) };
}

/** Whoever of these signed the note, the latest; the first where none did. */
export function signerOf<Signer extends NoteSigner>(
  note: string,
  signers: readonly [Signer, ...Signer[]],
): Signer {
  const signed = signers.findLast((signer) => {
    try {
      openNote(note, signer, noteCrypto);
      return true;
    } catch (error) {
      if (error instanceof CohortError) return false;
      throw error;
    }
  });
  return signed ?? signers[0];
}

/** Whether the checkpoint was signed when this log was as long as it says. */
export function holdsCheckpoint(log: EventLog, note: string): boolean {
  const { size } = parseCheckpointBody(note);
  if (size === 0) return true;
  return log.leaves(size, 1)[0]?.checkpoint === note;
}

/** A ledger as it leaves the coordinator: its checkpoint and exactly the leaves that this covers. */
export interface LedgerExport {
  readonly checkpoint: string;
  readonly size: number;
  /** In order, in chunks that fit a message of the console; read from the log as they are asked for. */
  readonly chunks: Iterable<readonly ExportedLeaf[]>;
}

/**
 * Entries that are appended while the export is read are no part of it. Where one of these dropped a
 * payload of an entry that is still to be read, reading throws EXPORT_OVERTAKEN: the export would lack
 * both the payload and the entry that says why.
 */
export function exportLedger(log: EventLog): LedgerExport {
  const size = log.size;
  return { checkpoint: log.checkpoint(), size, chunks: chunksOf(log, size) };
}

/** A chunk ends at either limit, whichever comes first; it has one leaf at least. */
export const exportChunkLeavesMax = 256;
export const exportChunkBytesMax = 1024 * 1024;

function* chunksOf(log: EventLog, size: number): Generator<readonly ExportedLeaf[]> {
  let seq = 1;
  while (seq <= size) {
    const leaves = log.leaves(seq, Math.min(exportChunkLeavesMax, size - seq + 1));
    const chunk = leaves.slice(0, countWithin(leaves));
    if (chunk.some(({ droppedBy }) => droppedBy > size)) {
      throw refuse("EXPORT_OVERTAKEN", "payloads were dropped while the ledger was exported", {
        hint: "Export it again.",
      });
    }
    if (chunk.length === 0) return;
    yield chunk;
    seq += chunk.length;
  }
}

function countWithin(leaves: readonly ExportedLeaf[]): number {
  let bytes = 0;
  const tooMany = leaves.findIndex(({ json }, at) => {
    bytes += Buffer.byteLength(json);
    return at > 0 && bytes > exportChunkBytesMax;
  });
  return tooMany < 0 ? leaves.length : tooMany;
}
