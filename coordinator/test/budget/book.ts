import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import type { Budget } from "@cohort/proto/resources/budget";
import { applyBudget, type BudgetState, emptyBudget } from "../../src/budget/budget.ts";
import { type CallRequest, decideCall } from "../../src/budget/reserve.ts";
import { decideSettle } from "../../src/budget/settle.ts";
import type { Decision } from "../../src/state/decision.ts";
import type { Event, Recorded } from "../../src/state/event.ts";

/** A budget's state with the events that made it, as a writer without a disk. */
export class Book {
  readonly state: BudgetState = emptyBudget();
  readonly recorded: Recorded[] = [];

  constructor(public nowMs = Date.UTC(2026, 10, 22, 12)) {}

  record(event: Event): void {
    const recorded = { seq: this.recorded.length + 1, atMs: this.nowMs, event };
    this.recorded.push(recorded);
    applyBudget(this.state, recorded);
  }

  decide<T>(decision: (state: BudgetState, nowMs: number) => Decision<T>): T {
    const { events, value } = decision(this.state, this.nowMs);
    for (const event of events) this.record(event);
    return value;
  }

  /** Applies `kind: budget` definitions; what a test leaves out is the mesh's, a day, in UTC. */
  define(...budgets: (Partial<Budget> & Pick<Budget, "name" | "limit">)[]): void {
    const resources = budgets.map((budget) => {
      const whole = { kind: "budget", scope: "mesh", window: "day", timezone: "UTC", ...budget };
      return {
        kind: "budget",
        name: budget.name,
        version: "",
        definitionJson: JSON.stringify(whole),
      };
    });
    this.record({ $case: "resourcesApplied", value: { actor: "test", resources } });
  }

  call(request: Partial<CallRequest> & Pick<CallRequest, "call">): string {
    const value = this.decide((state, nowMs) => decideCall(state, callRequest(request), nowMs));
    return "call" in value ? "intended" : value.refused.code;
  }

  settle(call: string, actualNanoUsd: number): void {
    const rest = { status: 200, bytesOut: 0, bytesIn: 0, code: "" };
    this.decide((state) => decideSettle(state, { call, actualNanoUsd, ...rest }));
  }

  endRun(run: string): void {
    this.record({
      $case: "runEnded",
      value: { run, outcome: "succeeded", reason: "", outputsJson: "" },
    });
  }

  sum(account: string, window: string): { posted: number; held: number } {
    const sum = this.state.accounts.get(account)?.get(window);
    return { posted: sum?.postedNanoUsd ?? 0, held: sum?.heldNanoUsd ?? 0 };
  }
}

export const attemptKey: AttemptKey = { run: "01RUN", step: "ask", instance: 0, attempt: 1 };

/** The coordinator's own call of 10 nano-USD in run 01RUN of workflow "press". */
export function callRequest(rest: Partial<CallRequest> & Pick<CallRequest, "call">): CallRequest {
  return {
    attempt: attemptKey,
    workflow: "press",
    node: "",
    token: "",
    tokenSeq: 0,
    service: "desk",
    method: "POST",
    path: "/tickets",
    bodyHash: new Uint8Array(32),
    worstCaseNanoUsd: 10,
    runCeilingNanoUsd: null,
    stepCeilingNanoUsd: null,
    agent: "",
    above: [],
    ...rest,
  };
}
