import type { AttemptKey, Finished } from "@cohort/proto/gen/cohort/node";
import type { StepKind } from "@cohort/proto/resources/workflow";

/** Runs and all below them, as the events left them. */
export interface Runs {
  readonly byId: Map<string, Run>;
  /** Not ended, in order of start. */
  readonly active: Map<string, Run>;
  readonly byIdempotencyKey: Map<string, string>;
  /** By node: attempts scheduled there and not ended; their number is the load. */
  readonly onNode: Map<string, Set<Instance>>;
}

export interface Run {
  readonly run: string;
  readonly workflow: string;
  readonly version: string;
  readonly trigger: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly inputsJson: string;
  readonly event: unknown;
  readonly startedMs: number;
  readonly steps: ReadonlyMap<string, Step>;
  state: "running" | "succeeded" | "failed";
  endedMs: number;
  reason: string;
}

export interface Step {
  readonly step: string;
  readonly kind: StepKind;
  state: "waiting" | "running" | "succeeded" | "failed" | "skipped";
  reason: string;
  instances: Instance[];
}

export interface Instance {
  readonly run: string;
  readonly step: string;
  readonly instance: number;
  /** Node that this instance must run on; "" for any, or for the coordinator. */
  readonly pinned: string;
  /** The latest attempt; 0 before the first. */
  attempt: number;
  /** Attempts that ended through no fault of the step. */
  interruptions: number;
  node: string;
  state: "queued" | "scheduled" | "accepted" | "running" | "succeeded" | "failed";
  /** When it became queued; a retry may not start before this plus its delay. */
  queuedMs: number;
  scheduledMs: number;
  startedMs: number;
  endedMs: number;
  result: Finished | null;
}

export function emptyRuns(): Runs {
  return { byId: new Map(), active: new Map(), byIdempotencyKey: new Map(), onNode: new Map() };
}

export function findInstance(runs: Runs, key: AttemptKey): Instance | null {
  return runs.byId.get(key.run)?.steps.get(key.step)?.instances[key.instance] ?? null;
}

/** The instance whose latest attempt this is, if that attempt has not ended and its run goes on. */
export function findActive(runs: Runs, key: AttemptKey): Instance | null {
  if (runs.byId.get(key.run)?.state !== "running") return null;
  const instance = findInstance(runs, key);
  return instance !== null && instance.attempt === key.attempt && isActive(instance)
    ? instance
    : null;
}

export function isActive(instance: Instance): boolean {
  return (
    instance.state === "scheduled" || instance.state === "accepted" || instance.state === "running"
  );
}

export function isEnded(step: Step): boolean {
  return step.state === "succeeded" || step.state === "failed" || step.state === "skipped";
}

export function keyOf(instance: Instance): AttemptKey {
  const { run, step, instance: index, attempt } = instance;
  return { run, step, instance: index, attempt };
}
