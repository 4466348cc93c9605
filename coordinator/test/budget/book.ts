import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import type { Budget } from "@cohort/proto/resources/budget";
import { applyBudget, type BudgetState, emptyBudget } from "../../src/budget/budget.ts";
import { decideReconcile, type Reconciliation } from "../../src/budget/reconcile.ts";
import { type CallRequest, decideCall } from "../../src/budget/reserve.ts";
import type { Scopes } from "../../src/budget/scopes.ts";
import { decideSettle } from "../../src/budget/settle.ts";
import type { Decision } from "../../src/state/decision.ts";
import type { Event, Recorded } from "../../src/state/event.ts";

/** A budget's state with the events that made it, as a writer without a disk. */
export class Book {
  readonly state: BudgetState = emptyBudget();
  readonly recorded: Recorded[] = [];
  /** Whose every attempt is. */
  scopes: Scopes | null = null;

  constructor(public nowMs = Date.UTC(2026, 10, 22, 12)) {}

  record(event: Event): void {
    const recorded = { seq: this.recorded.length + 1, atMs: this.nowMs, event };
    this.recorded.push(recorded);
    applyBudget(this.state, recorded, () => this.scopes);
  }

  decide<T>(decision: (state: BudgetState, nowMs: number) => Decision<T>): T {
    const { events, value } = decision(this.state, this.nowMs);
    for (const event of events) this.record(event);
    return value;
  }

  /** Applies `kind: budget` definitions; what a test leaves out is the mesh's, a day, in UTC. */
  define(...budgets: (Partial<Budget> & Pick<Budget, "name" | "limit">)[]): void {
    const resources = budgets.map((budget) => {
      const rest = { scope: "mesh", window: "day", timezone: "UTC", warn_at: [50, 80, 100] };
      const whole = { kind: "budget", ...rest, ...budget };
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
    const sizes = { bytesOut: 0, bytesIn: 0, bodyHash: new Uint8Array() };
    const rest = { status: 200, code: "", by: "usage", usage: undefined, ...sizes };
    this.decide((state) => decideSettle(state, { call, actualNanoUsd, ...rest }));
  }

  reconcile(call: string, actual: Reconciliation["actual"]): number {
    const about = { call, actor: "ann", reason: "asked the provider" };
    return this.decide((state) => decideReconcile(state, { ...about, actual }));
  }

  /** Whatever has become of it. */
  end(call: string, nanoUsd: number): void {
    if (this.state.calls.get(call)?.state === "pending") this.settle(call, nanoUsd);
    else this.reconcile(call, { nanoUsd });
  }

  /** What was recorded of the kind. */
  of<Case extends Event["$case"]>($case: Case): Extract<Event, { $case: Case }>["value"][] {
    return this.recorded.flatMap(({ event }) =>
      event.$case === $case ? [event.value as never] : [],
    );
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
    site: "",
    token: "",
    tokenSeq: 0,
    service: "desk",
    method: "POST",
    path: "/tickets",
    bodyHash: new Uint8Array(32),
    worstCaseNanoUsd: 10,
    price: undefined,
    runCeilingNanoUsd: null,
    stepCeilingNanoUsd: null,
    agent: "",
    above: [],
    ...rest,
  };
}
