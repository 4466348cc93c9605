import type { CallIntended, CallSettled, Hold, Resource } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import type { Budget } from "@cohort/proto/resources/budget";
import type { Recorded } from "../state/event.ts";
import { budgetLimits } from "./limits.ts";
import { countRefusal, type RefusalCount } from "./refusal.ts";
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
  /** By account ("budget/NAME", "run/ID", "run/ID/STEP"), then by window. */
  readonly accounts: Map<string, Map<string, Sum>>;
  readonly calls: Map<string, Call>;
  readonly runs: Map<string, RunCalls>;
  /** Refusals lately recorded, by node. */
  readonly refusals: Map<string, RefusalCount>;
  /** Time of the latest reservation: a clock that steps back opens no earlier window again. */
  latestMs: number;
}

export interface Sum {
  postedNanoUsd: number;
  /** Of calls that are pending or uncertain. */
  heldNanoUsd: number;
  keepUntilMs: number;
}

export interface Call {
  readonly call: string;
  readonly attempt: AttemptKey;
  readonly service: string;
  readonly holds: readonly Hold[];
  readonly reservedNanoUsd: number;
  state: "pending" | "posted" | "uncertain";
  /** 0 until posted. */
  actualNanoUsd: number;
}

export interface RunCalls {
  /** Its own, "run/ID", and those of its steps that have a ceiling, "run/ID/STEP". */
  readonly accounts: Set<string>;
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

/** Deterministic and total. */
export function applyBudget(state: BudgetState, { event, atMs }: Recorded): void {
  switch (event.$case) {
    case "resourcesApplied":
      return applyResources(state, event.value.resources);
    case "callIntended":
      return applyIntended(state, event.value, atMs);
    case "callSettled":
      return applySettled(state, event.value);
    case "callUncertain":
      return applyUncertain(state, event.value.call);
    case "callRefused":
      return countRefusal(state.refusals, event.value.node, atMs);
    case "attemptEnded":
      return applyAttemptEnded(state, event.value.attempt);
    case "runEnded":
      return void state.runs.get(event.value.run)?.sequences.clear();
    default:
  }
}

/** An ended run leaves memory: its calls with it, but those that have not been settled. */
export function forgetRunCalls(state: BudgetState, run: string): void {
  for (const id of state.runs.get(run)?.calls ?? []) {
    if (state.calls.get(id)?.state === "posted") state.calls.delete(id);
  }
  for (const account of state.runs.get(run)?.accounts ?? []) state.accounts.delete(account);
  state.runs.delete(run);
}

function applyResources(state: BudgetState, resources: readonly Resource[]): void {
  for (const { kind, name, definitionJson } of resources) {
    if (kind === "budget") state.budgets.set(name, JSON.parse(definitionJson) as Budget);
  }
}

function applyIntended(state: BudgetState, intended: CallIntended, atMs: number): void {
  const { call, attempt, service, holds, reservedNanoUsd, tokenSeq } = intended;
  if (attempt === undefined) return;
  state.latestMs = Math.max(state.latestMs, atMs);
  for (const hold of holds) {
    const sum = openSum(state, hold);
    sum.heldNanoUsd = add(sum.heldNanoUsd, reservedNanoUsd);
  }
  state.calls.set(call, {
    call,
    attempt,
    service,
    holds,
    reservedNanoUsd,
    state: "pending",
    actualNanoUsd: 0,
  });
  const run = runOf(state, attempt.run);
  run.calls.add(call);
  for (const { account, window } of holds) {
    if (window === "run") runOf(state, ownerOf(account)).accounts.add(account);
  }
  if (tokenSeq === 0) return;
  const id = attemptId(attempt);
  const sequences = run.sequences.get(id) ?? emptySequences();
  run.sequences.set(id, sequences);
  consume(sequences, tokenSeq);
}

/** The sum that a hold is made in; windows of the account that are over for good are forgotten. */
function openSum(state: BudgetState, { account, window }: Hold): Sum {
  const windows = state.accounts.get(account) ?? new Map<string, Sum>();
  state.accounts.set(account, windows);
  for (const [name, { keepUntilMs }] of windows) {
    if (keepUntilMs < state.latestMs) windows.delete(name);
  }
  const sum = windows.get(window) ?? { postedNanoUsd: 0, heldNanoUsd: 0, keepUntilMs: 0 };
  sum.keepUntilMs = keepUntil(window, state.latestMs);
  windows.set(window, sum);
  return sum;
}

function keepUntil(window: string, latestMs: number): number {
  if (window.startsWith("day/")) return latestMs + budgetLimits.dayWindowKeptMs;
  if (window.startsWith("month/")) return latestMs + budgetLimits.monthWindowKeptMs;
  return Number.MAX_SAFE_INTEGER;
}

/** The run that an account "run/ID" or "run/ID/STEP" is of: of the call's, or one above it. */
function ownerOf(account: string): string {
  return account.split("/")[1] as string;
}

function runOf(state: BudgetState, id: string): RunCalls {
  const run = state.runs.get(id) ?? { accounts: new Set(), calls: new Set(), sequences: new Map() };
  state.runs.set(id, run);
  return run;
}

function applySettled(state: BudgetState, { call: id, actualNanoUsd }: CallSettled): void {
  const call = state.calls.get(id);
  if (call === undefined || call.state === "posted") return;
  call.state = "posted";
  call.actualNanoUsd = actualNanoUsd;
  for (const { account, window } of call.holds) {
    const sum = state.accounts.get(account)?.get(window);
    if (sum === undefined) continue; // the window is over and forgotten
    sum.heldNanoUsd -= call.reservedNanoUsd;
    sum.postedNanoUsd = add(sum.postedNanoUsd, actualNanoUsd);
  }
  if (!state.runs.has(call.attempt.run)) state.calls.delete(id);
  forgetOldestPosted(state, call.attempt.run);
}

function applyUncertain(state: BudgetState, id: string): void {
  const call = state.calls.get(id);
  if (call?.state === "pending") call.state = "uncertain";
}

function forgetOldestPosted(state: BudgetState, run: string): void {
  const calls = state.runs.get(run)?.calls;
  if (calls === undefined || calls.size <= budgetLimits.callsPerRunMax) return;
  for (const id of calls) {
    if (state.calls.get(id)?.state !== "posted") continue;
    calls.delete(id);
    state.calls.delete(id);
    return;
  }
}

function applyAttemptEnded(state: BudgetState, attempt: AttemptKey | undefined): void {
  if (attempt !== undefined) state.runs.get(attempt.run)?.sequences.delete(attemptId(attempt));
}

/** Sums stay exact integers: beyond 9 million USD they stand still, which every limit refuses. */
function add(a: number, b: number): number {
  return Math.min(a + b, Number.MAX_SAFE_INTEGER);
}
