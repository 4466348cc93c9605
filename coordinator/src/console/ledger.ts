import { type LedgerServer, LedgerService } from "@cohort/proto/gen/cohort/console";
import type { EventLog } from "../log/log.ts";
import type { Methods } from "./methods.ts";

const leavesPerChunk = 512;

export function ledgerService(
  { unary, stream }: Methods,
  log: EventLog,
  verifierKey: string,
): LedgerServer {
  return {
    checkpoint: unary(LedgerService.checkpoint, () => ({ note: log.checkpoint(), verifierKey })),
    export: stream(LedgerService.export, async (_, send, signal) => {
      // Size and note of one moment: entries appended while the export runs are not part of it.
      const size = log.size;
      await send({ checkpoint: log.checkpoint(), verifierKey, leaves: [] });
      for (let seq = 1; seq <= size && !signal.aborted; seq += leavesPerChunk) {
        const leaves = log.leaves(seq, Math.min(leavesPerChunk, size - seq + 1));
        await send({ checkpoint: "", verifierKey: "", leaves: [...leaves] });
      }
    }),
  };
}
