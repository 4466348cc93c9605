import type { VaultMark } from "@cohort/proto/gen/cohort/ledger";
import type { Recorded } from "../state/event.ts";
import { custodyLimits } from "./limits.ts";

/** What the log knows of the vault and of the keys that are made from it; never a key itself. */
export interface CustodyState {
  /** The vault's file after its latest change; null before the mesh's first entry. */
  mark: VaultMark | null;
  /** Who sealed the vault, which then stays so over restarts; "" when nobody has. */
  sealedBy: string;
  /** When wrong keys were tried, the latest last; as many as are counted. */
  refusedMs: readonly number[];
  /** The key that new step tokens are encrypted with. */
  tokenKey: { readonly id: string; readonly sinceMs: number };
  /** Those before it, the newest first, with the first moment at which they are good no more. */
  formerTokenKeys: readonly { readonly id: string; readonly untilMs: number }[];
}

export function emptyCustody(): CustodyState {
  return {
    mark: null,
    sealedBy: "",
    refusedMs: [],
    tokenKey: { id: "1", sinceMs: 0 },
    formerTokenKeys: [],
  };
}

export function applyCustody(custody: CustodyState, { event, atMs }: Recorded): void {
  if ("vault" in event.value && event.value.vault !== undefined) custody.mark = event.value.vault;
  switch (event.$case) {
    case "meshCreated":
      custody.tokenKey = { id: custody.tokenKey.id, sinceMs: atMs };
      break;
    case "vaultSealed":
      custody.sealedBy = event.value.actor;
      break;
    case "vaultUnsealed":
      custody.sealedBy = "";
      custody.refusedMs = [];
      break;
    case "vaultUnsealRefused":
      custody.refusedMs = [...custody.refusedMs, atMs].slice(-custodyLimits.unsealFailuresMax);
      break;
    case "tokenKeyRotated": {
      const { id, formerUntilMs } = event.value;
      const former = { id: custody.tokenKey.id, untilMs: formerUntilMs };
      custody.formerTokenKeys = [former, ...custody.formerTokenKeys]
        .map((it) => ({ ...it, untilMs: Math.min(it.untilMs, formerUntilMs) }))
        .filter(({ untilMs }) => untilMs > atMs);
      custody.tokenKey = { id, sinceMs: atMs };
      break;
    }
    default:
  }
}

/** Ids of the keys that tokens may be under now, that of new ones first. */
export function tokenKeyIds(
  { tokenKey, formerTokenKeys }: CustodyState,
  nowMs: number,
): readonly [string, ...string[]] {
  const former = formerTokenKeys.filter(({ untilMs }) => nowMs < untilMs).map(({ id }) => id);
  return [tokenKey.id, ...former];
}
