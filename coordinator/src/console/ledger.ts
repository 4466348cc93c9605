import { type LedgerServer, LedgerService } from "@cohort/proto/gen/cohort/console";
import type { Retention } from "../history/retention.ts";
import { sha256 } from "../ledger/crypto.ts";
import { findEntries, isAboutStep, spanOfRun } from "../ledger/find-entries.ts";
import { exportLedger } from "../ledger/ledger.ts";
import type { LedgerKeys } from "../ledger/ledger-keys.ts";
import { proveEntry, proveGrowth, tileOf } from "../ledger/proofs.ts";
import type { Witnesses } from "../ledger/witness-desk.ts";
import { witnessesView } from "../ledger/witness-view.ts";
import type { EventLog } from "../log/log.ts";
import type { Writer } from "../state/writer.ts";
import { decideSettle } from "../witnesses/decide-dispute.ts";
import type { Methods } from "./methods.ts";

export interface LedgerDependencies {
  readonly log: EventLog;
  readonly writer: Writer;
  readonly witnesses: Pick<Witnesses, "sightings">;
  readonly ledgerKeys: LedgerKeys;
  readonly retention: Retention;
}

export function ledgerService(
  { unary, stream }: Methods,
  { log, writer, witnesses, ledgerKeys, retention }: LedgerDependencies,
): LedgerServer {
  const keys = () => ledgerKeys.view(writer.state);
  const verifierKeyNow = () => keys().keys.at(-1)?.verifierKey ?? "";
  return {
    checkpoint: unary(LedgerService.checkpoint, () => ({
      note: log.checkpoint(),
      verifierKey: verifierKeyNow(),
    })),
    keys: unary(LedgerService.keys, () => writer.read(keys)),
    rotateKey: unary(LedgerService.rotateKey, async (_, { name }) => {
      await writer.decide((state) => ledgerKeys.decideRotation(state, name));
      return writer.read(keys);
    }),
    export: stream(LedgerService.export, async (_, send, signal) => {
      const { checkpoint, chunks } = exportLedger(log);
      await send({ checkpoint, verifierKey: verifierKeyNow(), leaves: [] });
      for (const leaves of chunks) {
        if (signal.aborted) return;
        await send({ checkpoint: "", verifierKey: "", leaves: [...leaves] });
      }
    }),
    prove: unary(LedgerService.prove, ({ seq }) => {
      const { path, ...proof } = proveEntry(log, seq);
      return { ...proof, path: [...path] };
    }),
    retention: unary(LedgerService.retention, () =>
      writer.read(({ ledger: { payloads } }) => ({
        historyMaxAgeMs: retention.maxAgeMs,
        historyMaxRuns: retention.maxRuns,
        payloadMaxAgeMs: retention.payloadMaxAgeMs ?? 0,
        dropped: payloads.count,
        droppedMs: payloads.atMs,
      })),
    ),
    proveGrowth: unary(LedgerService.proveGrowth, ({ size }) => {
      const { path, checkpoint } = proveGrowth(log, size);
      return { path: [...path], checkpoint };
    }),
    tile: unary(LedgerService.tile, ({ level, number }) => ({
      hashes: tileOf(log, level, number),
    })),
    witnesses: unary(LedgerService.witnesses, () =>
      writer.read((state) => witnessesView(state, witnesses.sightings)),
    ),
    settle: unary(LedgerService.settle, async (request, { name: actor }) => ({
      settled: await writer.decide((state) => decideSettle(state, { ...request, actor }, sha256)),
    })),
    find: stream(LedgerService.find, async ({ run, step }, send, signal) => {
      const span = await writer.read((state) => spanOfRun(state, log, run));
      for await (const entry of findEntries(log, span, new Set([run]))) {
        if (signal.aborted) return;
        if (step === "" || isAboutStep(entry, step)) await send({ seq: entry.seq });
      }
    }),
  };
}
