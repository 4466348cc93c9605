import type { BudgetReached, CallIntended, Hold, Resource } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey, Finished } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import type { Budget } from "@cohort/proto/resources/budget";
import type { Recorded } from "../state/event.ts";
import { type Accounts, add, openSum } from "./accounts.ts";
import { budgetLimits } from "./limits.ts";
import { budgetPrefix } from "./reached.ts";
import { countRefusal, type RefusalCount } from "./refusal.ts";
import { budgetsFor, type Scopes } from "./scopes.ts";
import { consume, emptySequences, type Sequences } from "./sequence.ts";

/**
 * Money, in integer nano-USD: what may be spent, what is held for calls that are out, and what was
 * spent. A call holds its worst case in every account that it touches, or is refused; when it ends,
 * each hold becomes what it really cost.
 *
 * What leaves memory, by the events alone:
 * - used sequence numbers: with their attempt, or its run;
 * - a run's account and its posted calls: when the run leaves memory; a call that is out, or whose
 *   outcome is unknown, stays until it is settled; of a run's posted calls, the newest are kept;
 * - a budget's window: when a later reservation on the budget finds it over for good.
 */
export interface BudgetState {
  /** Definitions by name. */
  readonly budgets: Map<string, Budget>;
  readonly accounts: Accounts;
  readonly calls: Map<string, Call>;
  readonly runs: Map<string, RunCalls>;
  /** Refusals lately recorded, by node. */
  readonly refusals: Map<string, RefusalCount>;
  /** Time of the latest reservation: a clock that steps back opens no earlier window again. */
  latestMs: number;
}

export interface Call {
  readonly call: string;
  readonly attempt: AttemptKey;
  readonly service: string;
  readonly holds: readonly Hold[];
  readonly reservedNanoUsd: number;
  /** Pending until its outcome is known; voided: it never left. Posted and voided are for good. */
  state: "pending" | "uncertain" | "posted" | "voided";
  /** Since when it is uncertain, and why; 0 and "" before. */
  uncertainMs: number;
  reason: string;
  /** 0 until posted. */
  actualNanoUsd: number;
}

export interface RunCalls {
  /** Its own, "run/ID", and those of its steps that have a ceiling, "run/ID/STEP". */
  readonly accounts: Set<string>;
  /** Budgets with a window that is this run, "budget/NAME". */
  readonly budgets: Set<string>;
  /** In the order in which they were intended. */
  readonly calls: Set<string>;
  /** Used sequence numbers by attempt. */
  readonly sequences: Map<string, Sequences>;
}

export function emptyBudget(): BudgetState {
  return {
    budgets: new Map(),
    accounts: new Map(),
    calls: new Map(),
    runs: new Map(),
    refusals: new Map(),
    latestMs: 0,
  };
}

/** Deterministic and total. `scopesOf`: whose an attempt is; null where nobody knows any more. */
export function applyBudget(
  state: BudgetState,
  { event, atMs }: Recorded,
  scopesOf: (attempt: AttemptKey) => Scopes | null,
): void {
  switch (event.$case) {
    case "resourcesApplied":
      return applyResources(state, event.value.resources);
    case "callIntended":
      return applyIntended(state, event.value, atMs);
    case "callSettled":
      return applyEnded(state, event.value, event.value.by === "void");
    case "callReconciled":
      return applyEnded(state, event.value, event.value.voided);
    case "callUncertain":
      return applyUncertain(state, event.value, atMs);
    case "budgetReached":
      return applyReached(state, event.value);
    case "callRefused":
      return countRefusal(state.refusals, event.value.node, atMs);
    case "attemptEnded":
      return applyAttemptEnded(state, event.value, atMs, scopesOf);
    case "runEnded":
      return void state.runs.get(event.value.run)?.sequences.clear();
    default:
  }
}

/** An ended run leaves memory: its calls with it, but those that have not been settled. */
export function forgetRunCalls(state: BudgetState, run: string): void {
  for (const id of state.runs.get(run)?.calls ?? []) {
    if (hasEnded(state.calls.get(id))) state.calls.delete(id);
  }
  for (const account of state.runs.get(run)?.accounts ?? []) state.accounts.delete(account);
  for (const account of state.runs.get(run)?.budgets ?? []) {
    state.accounts.get(account)?.delete(`run/${run}`);
  }
  state.runs.delete(run);
}

function applyResources(state: BudgetState, resources: readonly Resource[]): void {
  for (const { kind, name, definitionJson } of resources) {
    if (kind !== "budget") continue;
    // One that an earlier release stored says nothing of thresholds.
    const definition = JSON.parse(definitionJson) as Partial<Budget> & Omit<Budget, "warn_at">;
    state.budgets.set(name, { warn_at: [], ...definition });
    // Under another limit the thresholds are others.
    for (const sum of state.accounts.get(`${budgetPrefix}${name}`)?.values() ?? []) {
      sum.reachedPercent = 0;
    }
  }
}

function applyIntended(state: BudgetState, intended: CallIntended, atMs: number): void {
  const { call, attempt, service, holds, reservedNanoUsd, tokenSeq } = intended;
  if (attempt === undefined) return;
  state.latestMs = Math.max(state.latestMs, atMs);
  for (const hold of holds) {
    const sum = openSum(state.accounts, hold, state.latestMs);
    sum.heldNanoUsd = add(sum.heldNanoUsd, reservedNanoUsd);
  }
  state.calls.set(call, {
    call,
    attempt,
    service,
    holds,
    reservedNanoUsd,
    state: "pending",
    uncertainMs: 0,
    reason: "",
    actualNanoUsd: 0,
  });
  const run = runOf(state, attempt.run);
  run.calls.add(call);
  for (const hold of holds) tieToRun(state, hold);
  if (tokenSeq === 0) return;
  const id = attemptId(attempt);
  const sequences = run.sequences.get(id) ?? emptySequences();
  run.sequences.set(id, sequences);
  consume(sequences, tokenSeq);
}

/** What goes with a run when it leaves memory. */
function tieToRun(state: BudgetState, { account, window }: Hold): void {
  if (window === "run") runOf(state, ownerOf(account)).accounts.add(account);
  else if (window.startsWith("run/")) runOf(state, ownerOf(window)).budgets.add(account);
}

/** The run that "run/ID" or "run/ID/STEP" is of: the call's, or one above it. */
function ownerOf(name: string): string {
  return name.split("/")[1] as string;
}

function runOf(state: BudgetState, id: string): RunCalls {
  const run = state.runs.get(id) ?? {
    accounts: new Set(),
    budgets: new Set(),
    calls: new Set(),
    sequences: new Map(),
  };
  state.runs.set(id, run);
  return run;
}

function applyEnded(
  state: BudgetState,
  { call: id, actualNanoUsd }: { readonly call: string; readonly actualNanoUsd: number },
  voided: boolean,
): void {
  const call = state.calls.get(id);
  if (call === undefined || hasEnded(call)) return;
  call.state = voided ? "voided" : "posted";
  call.actualNanoUsd = actualNanoUsd;
  for (const { account, window } of call.holds) {
    const sum = state.accounts.get(account)?.get(window);
    if (sum === undefined) continue; // the window is over and forgotten
    sum.heldNanoUsd -= call.reservedNanoUsd;
    sum.postedNanoUsd = add(sum.postedNanoUsd, actualNanoUsd);
  }
  if (!state.runs.has(call.attempt.run)) state.calls.delete(id);
  forgetOldestEnded(state, call.attempt.run);
}

function applyUncertain(
  state: BudgetState,
  { call: id, reason }: { readonly call: string; readonly reason: string },
  atMs: number,
): void {
  const call = state.calls.get(id);
  if (call?.state !== "pending") return;
  call.state = "uncertain";
  call.uncertainMs = atMs;
  call.reason = reason;
}

function hasEnded(call: Call | undefined): boolean {
  return call?.state === "posted" || call?.state === "voided";
}

function forgetOldestEnded(state: BudgetState, run: string): void {
  const calls = state.runs.get(run)?.calls;
  if (calls === undefined || calls.size <= budgetLimits.callsPerRunMax) return;
  for (const id of calls) {
    if (!hasEnded(state.calls.get(id))) continue;
    calls.delete(id);
    state.calls.delete(id);
    return;
  }
}

function applyReached(state: BudgetState, { budget, window, percent }: BudgetReached): void {
  const hold = { account: `${budgetPrefix}${budget}`, window };
  const sum = openSum(state.accounts, hold, state.latestMs);
  tieToRun(state, hold);
  sum.reachedPercent = Math.max(sum.reachedPercent, percent);
}

function applyAttemptEnded(
  state: BudgetState,
  {
    attempt,
    result,
  }: { readonly attempt: AttemptKey | undefined; readonly result: Finished | undefined },
  atMs: number,
  scopesOf: (attempt: AttemptKey) => Scopes | null,
): void {
  if (attempt === undefined) return;
  state.runs.get(attempt.run)?.sequences.delete(attemptId(attempt));
  if (result?.usage === undefined || state.budgets.size === 0) return;
  const scopes = scopesOf(attempt);
  if (scopes === null) return;
  state.latestMs = Math.max(state.latestMs, atMs);
  const { cpuMs, bytesIn, bytesOut } = result.usage;
  for (const { budget, window } of budgetsFor(state.budgets, scopes, state.latestMs)) {
    const hold = { account: `${budgetPrefix}${budget.name}`, window };
    const { used } = openSum(state.accounts, hold, state.latestMs);
    tieToRun(state, hold);
    used.cpuMs = add(used.cpuMs, cpuMs);
    used.bytesIn = add(used.bytesIn, bytesIn);
    used.bytesOut = add(used.bytesOut, bytesOut);
  }
}
