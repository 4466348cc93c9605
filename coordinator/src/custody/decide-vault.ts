import type { VaultMark } from "@cohort/proto/gen/cohort/ledger";
import { refuse } from "@cohort/proto/problem";
import { equalBytes } from "../fleet/bytes.ts";
import { type Decision, nothing } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import { checkReason } from "../state/reason.ts";
import type { CustodyState } from "./custody.ts";
import { custodyLimits } from "./limits.ts";

/** A change of the vault's file that is to be recorded. */
export interface VaultChange {
  /** The generation of the file before it. */
  readonly base: number;
  readonly event: Event;
}

/**
 * Records a change of the vault's file, unless it was. The value tells whether the ledger has it: a change
 * that does not follow upon what the ledger knows belongs to another file.
 */
export function decideVaultChange(
  { mark }: CustodyState,
  { base, event }: VaultChange,
): Decision<boolean> {
  const known = mark?.generation ?? 0;
  if (generationOf(event) <= known) return nothing(true);
  if (base !== known) return nothing(false);
  return { events: [event], value: true };
}

/** Throws VAULT_UNSEAL_LIMITED. A clock that was set back counts as no time at all. */
export function assertUnsealAllowed({ refusedMs }: CustodyState, nowMs: number): void {
  const { unsealFailuresMax, unsealFailuresMs } = custodyLimits;
  const first = refusedMs.at(-unsealFailuresMax);
  if (refusedMs.length < unsealFailuresMax || first === undefined) return;
  if (nowMs - first >= unsealFailuresMs) return;
  throw refuse(
    "VAULT_UNSEAL_LIMITED",
    `${unsealFailuresMax} wrong keys were tried within a minute`,
    {
      hint: "Wait for a minute; `cohort ledger export` tells who tried.",
    },
  );
}

export function decideUnsealRefused(actor: string, code: string): Decision<void> {
  const event: Event = { $case: "vaultUnsealRefused", value: { actor, code } };
  return { events: [event], value: undefined };
}

export function decideUnsealed(actor: string): Decision<void> {
  return { events: [{ $case: "vaultUnsealed", value: { actor } }], value: undefined };
}

/** The value tells whether anything changes. Throws USAGE. */
export function decideSealed(
  { sealedBy }: CustodyState,
  { actor, reason }: { readonly actor: string; readonly reason: string },
): Decision<boolean> {
  checkReason(reason);
  if (sealedBy !== "") return nothing(false);
  return { events: [{ $case: "vaultSealed", value: { actor, reason } }], value: true };
}

export function sameMark(one: VaultMark | null, other: VaultMark | null): boolean {
  if (one === null || other === null || one.generation !== other.generation) return false;
  return equalBytes(one.digest, other.digest);
}

function generationOf({ value }: Event): number {
  return "vault" in value ? (value.vault?.generation ?? 0) : 0;
}
