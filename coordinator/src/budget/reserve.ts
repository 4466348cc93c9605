import type { Hold } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { type Problem, problem, refuse } from "@cohort/proto/problem";
import { attemptId } from "@cohort/proto/proof";
import { formatMoney } from "@cohort/proto/quantity";
import type { Budget } from "@cohort/proto/resources/budget";
import type { Decision } from "../state/decision.ts";
import type { BudgetState } from "./budget.ts";
import { decideRefusal, type Refused } from "./refusal.ts";
import { emptySequences, isFresh } from "./sequence.ts";
import { windowOf } from "./window.ts";

/** A call that passed every check but those of money and replay. */
export interface CallRequest {
  /** ULID, new. */
  readonly call: string;
  readonly attempt: AttemptKey;
  /** Name of the workflow that the run is of. */
  readonly workflow: string;
  /** Name of the agent that the step asks; "" for none. */
  readonly agent: string;
  /** "" when the coordinator itself calls. */
  readonly node: string;
  /** Token id; "" when the coordinator itself calls. */
  readonly token: string;
  /** From 1, once an attempt, over all its tokens; 0 when the coordinator itself calls. */
  readonly tokenSeq: number;
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly bodyHash: Uint8Array;
  /** The most that the call can cost; null when the service does not say. */
  readonly worstCaseNanoUsd: number | null;
  /** The ceiling of the run, as its workflow's version has it; null for none. */
  readonly runCeilingNanoUsd: number | null;
  /** The same of the step in this run, over all its attempts. */
  readonly stepCeilingNanoUsd: number | null;
  /** Steps whose sub-workflows the run is within: what they may spend, it spends. */
  readonly above: readonly CallingStep[];
}

/** A step of a run, with what both may spend. */
export interface CallingStep
  extends Pick<CallRequest, "workflow" | "runCeilingNanoUsd" | "stepCeilingNanoUsd"> {
  readonly run: string;
  readonly step: string;
}

/**
 * Consumes the sequence number and reserves the worst case in every account that applies, or does
 * neither. Refuses with TOKEN_REPLAYED, PRICE_UNKNOWN or BUDGET_EXHAUSTED, and records that.
 * Throws INTERNAL when the call's id is taken.
 */
export function decideCall(
  state: BudgetState,
  request: CallRequest,
  nowMs: number,
): Decision<{ readonly call: string } | Refused> {
  const { call, attempt, node, token, tokenSeq, service, method, path, bodyHash } = request;
  if (state.calls.has(call)) throw refuse("INTERNAL", `call ${call} was intended before`);
  const accounts = accountsOf(state, request, Math.max(nowMs, state.latestMs));
  const refused =
    replayed(state, request) ?? unpriced(request) ?? exhausted(state, request, accounts);
  if (refused !== null) {
    return decideRefusal(state, { attempt, node, service, method, path, token }, refused, nowMs);
  }
  const holds = accounts.map((it) => it.hold);
  const reservedNanoUsd = request.worstCaseNanoUsd ?? 0;
  const intended = { call, attempt, node, token, tokenSeq, service, method, path, bodyHash };
  return {
    events: [{ $case: "callIntended", value: { ...intended, reservedNanoUsd, holds } }],
    value: { call },
  };
}

interface Account {
  readonly hold: Hold;
  readonly limitNanoUsd: number;
  /** For people: what is exhausted when it is, and what can be done. */
  readonly title: string;
  readonly hint: string;
}

/**
 * The run's own, whether it has a ceiling or not, its step's where that has one, the same ceilings of those
 * above, then every budget that covers the call.
 */
function accountsOf(state: BudgetState, request: CallRequest, atMs: number): Account[] {
  const { run, step } = request.attempt;
  const own = { ...request, run, step };
  const runCeilingNanoUsd = own.runCeilingNanoUsd ?? Number.MAX_SAFE_INTEGER;
  const budgets = [...state.budgets.values()]
    .filter((budget) => covers(budget, request))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return [
    ...ceilingsOf({ ...own, runCeilingNanoUsd }),
    ...request.above.flatMap(ceilingsOf),
    ...budgets.map((budget) => budgetAccount(budget, atMs)),
  ];
}

function ceilingsOf(caller: CallingStep): Account[] {
  const { run, step, workflow, runCeilingNanoUsd, stepCeilingNanoUsd } = caller;
  const ofRun = {
    hold: { account: `run/${run}`, window: "run" },
    title: `the budget of run ${run}`,
    hint: `raise \`budget\` of workflow ${workflow}`,
  };
  const ofStep = {
    hold: { account: `run/${run}/${step}`, window: "run" },
    title: `the budget of step ${step} in run ${run}`,
    hint: `raise \`budget\` of step ${step} of workflow ${workflow}`,
  };
  return [
    ...(runCeilingNanoUsd === null ? [] : [{ ...ofRun, limitNanoUsd: runCeilingNanoUsd }]),
    ...(stepCeilingNanoUsd === null ? [] : [{ ...ofStep, limitNanoUsd: stepCeilingNanoUsd }]),
  ];
}

function covers({ scope }: Budget, { workflow, agent, node }: CallRequest): boolean {
  return ["mesh", `workflow/${workflow}`, `agent/${agent}`, `node/${node}`].includes(scope);
}

function budgetAccount(budget: Budget, atMs: number): Account {
  const { name, scope, limit } = budget;
  const window = windowOf(budget, atMs);
  return {
    hold: { account: `budget/${name}`, window },
    limitNanoUsd: limit,
    title: `budget ${name} (${scope}, ${window})`,
    hint: `raise its limit, or wait for the next ${budget.window}`,
  };
}

function replayed(state: BudgetState, request: CallRequest): Problem | null {
  const { attempt, token, tokenSeq } = request;
  if (token === "") return null;
  const used = state.runs.get(attempt.run)?.sequences.get(attemptId(attempt)) ?? emptySequences();
  if (isFresh(used, tokenSeq)) return null;
  return problem("TOKEN_REPLAYED", `sequence number ${tokenSeq} was used before`);
}

function unpriced({ service, worstCaseNanoUsd }: CallRequest): Problem | null {
  if (worstCaseNanoUsd !== null) return null;
  return problem("PRICE_UNKNOWN", `service ${service} does not say what a call costs`, {
    hint: "give it `pricing: { per_call: 0.01 USD }`, or 0 USD when it is free",
  });
}

function exhausted(
  state: BudgetState,
  { worstCaseNanoUsd }: CallRequest,
  accounts: readonly Account[],
): Problem | null {
  const worstCase = worstCaseNanoUsd ?? 0;
  for (const { hold, limitNanoUsd, title, hint } of accounts) {
    const sum = state.accounts.get(hold.account)?.get(hold.window);
    const left = limitNanoUsd - (sum?.postedNanoUsd ?? 0) - (sum?.heldNanoUsd ?? 0);
    if (worstCase <= left || worstCase === 0) continue;
    const of = `${formatMoney(Math.max(left, 0))} of ${formatMoney(limitNanoUsd)} left`;
    const cost = `the call may cost ${formatMoney(worstCase)}`;
    return problem("BUDGET_EXHAUSTED", `${title} has ${of}; ${cost}`, { hint });
  }
  return null;
}
