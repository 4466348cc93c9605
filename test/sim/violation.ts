/** What must always hold; the name by which a failure is told apart from another. */
export type Invariant =
  | "a transition is recorded once"
  | "events of an attempt come in order"
  | "an attempt runs at most once"
  | "results are those of the attempt"
  | "a paused run begins nothing"
  | "what is cached has succeeded once, and does not run"
  | "a retry takes over what was"
  | "healthy work is not given up"
  | "nothing leaves before it is durable"
  | "what is revoked makes no call"
  | "an idempotency key starts one run"
  | "groups stay within their limits"
  | "budgets stay within their limits"
  | "replay gives the same state"
  | "the projection equals the log"
  | "the ledger verifies"
  | "payloads are dropped once, of removed runs"
  | "every run ends"
  | "a node that changes its keys comes back"
  | "two machines with one node's keys are found out"
  | "an honest node is never quarantined"
  | "nothing fails unforeseen";

export class Violation extends Error {
  readonly invariant: Invariant;

  constructor(invariant: Invariant, detail: string) {
    super(`${invariant}: ${detail}`);
    this.name = "Violation";
    this.invariant = invariant;
  }
}

export function must(holds: boolean, invariant: Invariant, detail: string): asserts holds {
  if (!holds) throw new Violation(invariant, detail);
}
