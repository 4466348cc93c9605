import type { KeyLink } from "@cohort/proto/ledger/keys";
import type { Recorded } from "../state/event.ts";

/** What the log says of itself. */
export interface LedgerState {
  /** That signed its checkpoints, the oldest first; the last one signs now. */
  readonly keys: KeyLink[];
  /** By node, those that are not settled. */
  readonly disputes: Map<string, LedgerDispute>;
  /** By node, SHA-256 of the text of the checkpoint that was given up last. */
  readonly givenUp: Map<string, Uint8Array>;
  readonly payloads: DroppedPayloads;
}

/** What of the log's entries is no longer there. */
export interface DroppedPayloads {
  /** Of runs that `HistoryRemoved` names up to this entry, every payload. */
  throughSeq: number;
  /** Entries. */
  count: number;
  /** When it was the last of them; 0 for never. */
  atMs: number;
}

export interface LedgerDispute {
  /** The note that the node holds. */
  readonly checkpoint: string;
  readonly reason: string;
  readonly sinceMs: number;
}

export function emptyLedger(): LedgerState {
  const payloads = { throughSeq: 0, count: 0, atMs: 0 };
  return { keys: [], disputes: new Map(), givenUp: new Map(), payloads };
}

/** Changes `ledger` as the event says; events of other concerns change nothing. */
export function applyLedger(ledger: LedgerState, { atMs, event }: Recorded): void {
  switch (event.$case) {
    case "meshCreated":
      ledger.keys.push({ key: event.value.ledgerKey, signature: new Uint8Array(0) });
      return;
    case "ledgerKeyRotated": {
      const { key, signature } = event.value;
      ledger.keys.push({ key, signature });
      return;
    }
    case "ledgerDisputed": {
      const { node, checkpoint, reason } = event.value;
      ledger.disputes.set(node, { checkpoint, reason, sinceMs: atMs });
      return;
    }
    case "ledgerDisputeSettled":
      ledger.disputes.delete(event.value.node);
      ledger.givenUp.set(event.value.node, event.value.givenUp);
      return;
    case "payloadsDropped": {
      const { entries, throughSeq } = event.value;
      ledger.payloads.throughSeq = Math.max(ledger.payloads.throughSeq, throughSeq);
      ledger.payloads.count += entries.length;
      if (entries.length > 0) ledger.payloads.atMs = atMs;
      return;
    }
    default:
  }
}
