import type { Hold } from "@cohort/proto/gen/cohort/ledger";
import { budgetLimits } from "./limits.ts";

/** What was spent and used in one window of an account. */
export interface Sum {
  postedNanoUsd: number;
  /** Of calls that are pending or uncertain. */
  heldNanoUsd: number;
  /** What attempts used that ended in it, as their nodes tell. */
  readonly used: Used;
  /** The highest of the budget's thresholds that was recorded, in percent. */
  reachedPercent: number;
  keepUntilMs: number;
}

export interface Used {
  cpuMs: number;
  bytesIn: number;
  bytesOut: number;
}

/** By account ("budget/NAME", "run/ID", "run/ID/STEP"), then by window. */
export type Accounts = Map<string, Map<string, Sum>>;

/** The sum for this account and window; windows of the account that are over for good are forgotten. */
export function openSum(accounts: Accounts, { account, window }: Hold, latestMs: number): Sum {
  const windows = accounts.get(account) ?? new Map<string, Sum>();
  accounts.set(account, windows);
  for (const [name, { keepUntilMs }] of windows) {
    if (keepUntilMs < latestMs) windows.delete(name);
  }
  const sum = windows.get(window) ?? emptySum();
  sum.keepUntilMs = keepUntil(window, latestMs);
  windows.set(window, sum);
  return sum;
}

export function emptySum(): Sum {
  const used = { cpuMs: 0, bytesIn: 0, bytesOut: 0 };
  return { postedNanoUsd: 0, heldNanoUsd: 0, used, reachedPercent: 0, keepUntilMs: 0 };
}

/** Sums stay exact integers: beyond 2^53 (9 million USD) they stand still, which every limit refuses. */
export function add(a: number, b: number): number {
  return Math.min(a + b, Number.MAX_SAFE_INTEGER);
}

function keepUntil(window: string, latestMs: number): number {
  if (window.startsWith("day/")) return latestMs + budgetLimits.dayWindowKeptMs;
  if (window.startsWith("month/")) return latestMs + budgetLimits.monthWindowKeptMs;
  return Number.MAX_SAFE_INTEGER;
}
