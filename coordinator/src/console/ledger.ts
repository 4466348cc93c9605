import { type LedgerServer, LedgerService } from "@cohort/proto/gen/cohort/console";
import { exportLedger } from "../ledger/ledger.ts";
import type { EventLog } from "../log/log.ts";
import type { Methods } from "./methods.ts";

export function ledgerService(
  { unary, stream }: Methods,
  log: EventLog,
  verifierKey: string,
): LedgerServer {
  return {
    checkpoint: unary(LedgerService.checkpoint, () => ({ note: log.checkpoint(), verifierKey })),
    export: stream(LedgerService.export, async (_, send, signal) => {
      const { checkpoint, chunks } = exportLedger(log);
      await send({ checkpoint, verifierKey, leaves: [] });
      for (const leaves of chunks) {
        if (signal.aborted) return;
        await send({ checkpoint: "", verifierKey: "", leaves: [...leaves] });
      }
    }),
  };
}
