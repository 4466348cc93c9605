import type { Hold, TokenPrice } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { type Problem, problem, refuse } from "@cohort/proto/problem";
import { attemptId } from "@cohort/proto/proof";
import { formatMoney } from "@cohort/proto/quantity";
import type { Budget } from "@cohort/proto/resources/budget";
import type { Decision } from "../state/decision.ts";
import { emptySum, type Sum } from "./accounts.ts";
import type { BudgetState } from "./budget.ts";
import { budgetPrefix, reachedByRefusal } from "./reached.ts";
import { decideRefusal, type Refused } from "./refusal.ts";
import { budgetsFor, type Scopes } from "./scopes.ts";
import { emptySequences, isFresh } from "./sequence.ts";

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
  /** The label `site` of that node, "" for none. */
  readonly site: string;
  /** Token id; "" when the coordinator itself calls. */
  readonly token: string;
  /** From 1, once an attempt, over all its tokens; 0 when the coordinator itself calls. */
  readonly tokenSeq: number;
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly bodyHash: Uint8Array;
  /** The most that the call can cost. */
  readonly worstCaseNanoUsd: number;
  /** How that was found for tokens; undefined where there are none. */
  readonly price: TokenPrice | undefined;
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
 * neither. Refuses with TOKEN_REPLAYED or BUDGET_EXHAUSTED, and records that.
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
  const { worstCaseNanoUsd: reservedNanoUsd, price } = request;
  const short = accounts.find((it) => lacks(state, it, reservedNanoUsd));
  const refused =
    replayed(state, request) ??
    (short === undefined ? null : exhausted(state, short, reservedNanoUsd));
  if (refused !== null) {
    const attempted = { attempt, node, service, method, path, token };
    const { events, value } = decideRefusal(state, attempted, refused, nowMs);
    const reached =
      short === undefined || refused.code !== "BUDGET_EXHAUSTED"
        ? []
        : reachedByRefusal(state, short.hold, sumOf(state, short));
    return { events: [...events, ...reached], value };
  }
  const holds = accounts.map((it) => it.hold);
  const intended = { call, attempt, node, token, tokenSeq, service, method, path, bodyHash };
  return {
    events: [{ $case: "callIntended", value: { ...intended, reservedNanoUsd, holds, price } }],
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
  return [
    ...ceilingsOf({ ...own, runCeilingNanoUsd }),
    ...request.above.flatMap(ceilingsOf),
    ...budgetsFor(state.budgets, scopesOf(request), atMs).map(budgetAccount),
  ];
}

function scopesOf({ attempt, workflow, agent, node, site, above }: CallRequest): Scopes {
  const workflows = [workflow, ...above.map((it) => it.workflow)];
  return { workflows, agent, node, site, topRun: above.at(-1)?.run ?? attempt.run };
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

function budgetAccount({ budget, window }: { budget: Budget; window: string }): Account {
  const { name, scope, limit } = budget;
  const next = budget.window === "run" ? "" : `, or wait for the next ${budget.window}`;
  return {
    hold: { account: `${budgetPrefix}${name}`, window },
    limitNanoUsd: limit,
    title: `budget ${name} (${scope}, ${window})`,
    hint: `raise its limit${next}`,
  };
}

function replayed(state: BudgetState, request: CallRequest): Problem | null {
  const { attempt, token, tokenSeq } = request;
  if (token === "") return null;
  const used = state.runs.get(attempt.run)?.sequences.get(attemptId(attempt)) ?? emptySequences();
  if (isFresh(used, tokenSeq)) return null;
  return problem("TOKEN_REPLAYED", `sequence number ${tokenSeq} was used before`);
}

/** What is overdrawn lets nothing pass, not even what costs nothing. */
function lacks(state: BudgetState, account: Account, worstCaseNanoUsd: number): boolean {
  const left = leftOf(state, account);
  return left < 0 || worstCaseNanoUsd > left;
}

function exhausted(state: BudgetState, account: Account, worstCaseNanoUsd: number): Problem {
  const { limitNanoUsd, title, hint } = account;
  const left = leftOf(state, account);
  const of =
    left < 0
      ? `is ${formatMoney(-left)} beyond its ${formatMoney(limitNanoUsd)}`
      : `has ${formatMoney(left)} of ${formatMoney(limitNanoUsd)} left`;
  const cost = `the call may cost ${formatMoney(worstCaseNanoUsd)}`;
  return problem("BUDGET_EXHAUSTED", `${title} ${of}; ${cost}`, { hint });
}

function leftOf(state: BudgetState, account: Account): number {
  const { postedNanoUsd, heldNanoUsd } = sumOf(state, account);
  return account.limitNanoUsd - postedNanoUsd - heldNanoUsd;
}

function sumOf(state: BudgetState, { hold }: Account): Sum {
  return state.accounts.get(hold.account)?.get(hold.window) ?? emptySum();
}
