import type { WitnessAnswer } from "@cohort/proto/gen/cohort/node";
import {
  type Checkpoint,
  openCheckpoint,
  parseCheckpointBody,
} from "@cohort/proto/ledger/checkpoint";
import { cosign, cosignerName } from "@cohort/proto/ledger/cosignature";
import { followLedgerKeys } from "@cohort/proto/ledger/keys";
import { verifyConsistency } from "@cohort/proto/ledger/merkle-proof";
import {
  type NoteCrypto,
  type NoteSigner,
  noteText,
  type VerifierKey,
} from "@cohort/proto/ledger/note";
import { CohortError, refuse } from "@cohort/proto/problem";
import { equalBytes } from "../bytes.ts";
import { agentLimits } from "../limits.ts";
import type { Dispute, WitnessRecord } from "./record.ts";

export interface Judge {
  readonly crypto: NoteCrypto;
  readonly node: string;
  readonly signer: Omit<NoteSigner, "name">;
  readonly nowMs: number;
}

/**
 * What the node knows of the ledger after an answer that its coordinator signed. A checkpoint that
 * continues what it holds takes its place; any other is kept as a dispute, beside what it holds, and
 * until that is settled nothing else is taken. The first one is taken as it is: there is nothing yet that it could contradict. Throws LEDGER_INVALID
 * when that is none.
 */
export function judge(
  record: WitnessRecord | null,
  answer: WitnessAnswer,
  by: Judge,
): WitnessRecord {
  if (record === null) return { ...take(null, answer, by).taken, dispute: null, settled: [] };
  try {
    if (isGivenUp(record, answer, by.crypto)) return begunAnew(record, answer, by);
    if (record.dispute !== null) return record;
    const { taken, newer } = take(record.key, answer, by);
    const older = parseCheckpointBody(record.checkpoint);
    const { path } = answer;
    if (verifyConsistency(by.crypto.sha256, { older, newer, path })) return { ...record, ...taken };
    return inDispute(record, answer, by, reasonOf(older, newer));
  } catch (error) {
    if (error instanceof CohortError) return inDispute(record, answer, by, error.message);
    throw error;
  }
}

/** The answer's checkpoint, cosigned; the first key of the ledger is the coordinator's word. */
function take(trusted: Uint8Array | null, { checkpoint, keys }: WitnessAnswer, by: Judge) {
  const { crypto, node, signer, nowMs } = by;
  const publicKey = trusted ?? keys[0]?.key;
  if (publicKey === undefined) throw refuse("LEDGER_INVALID", "no key of the ledger is named");
  const name = parseCheckpointBody(checkpoint).origin;
  const key: VerifierKey = followLedgerKeys({ name, publicKey }, keys, crypto);
  const newer = openCheckpoint(checkpoint, key, crypto);
  const cosigner = { ...signer, name: cosignerName(newer.origin, node) };
  const cosigned = cosign(checkpoint, cosigner, nowMs, crypto.sha256);
  return { newer, taken: { key: key.publicKey, checkpoint: cosigned, takenMs: nowMs } };
}

function isGivenUp(record: WitnessRecord, { settled }: WitnessAnswer, crypto: NoteCrypto): boolean {
  const text = new TextEncoder().encode(noteText(record.checkpoint));
  return settled.length > 0 && equalBytes(settled, crypto.sha256(text));
}

/** An operator knows why the ledger is another; what contradicted what stays on record. */
function begunAnew(record: WitnessRecord, answer: WitnessAnswer, by: Judge): WitnessRecord {
  const { taken } = take(null, answer, by);
  const dispute = record.dispute ?? disputeOf(record, answer, by, "it was settled beforehand");
  const settled = [dispute, ...record.settled].slice(0, agentLimits.disputesKeptMax);
  return { ...taken, dispute: null, settled };
}

function inDispute(
  record: WitnessRecord,
  answer: WitnessAnswer,
  by: Judge,
  reason: string,
): WitnessRecord {
  return { ...record, dispute: disputeOf(record, answer, by, reason) };
}

function disputeOf(
  { checkpoint: held }: WitnessRecord,
  { checkpoint: conflict }: WitnessAnswer,
  { nowMs: atMs }: Judge,
  reason: string,
): Dispute {
  return { held, conflict, reason, atMs };
}

function reasonOf(older: Checkpoint, newer: Checkpoint): string {
  if (newer.size < older.size) {
    return `it was rolled back from ${older.size} entries to ${newer.size}`;
  }
  return `what it had at ${older.size} entries is not what it has now, at ${newer.size}`;
}
