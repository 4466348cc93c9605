import type { PublicationIntended } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey, Finished } from "@cohort/proto/gen/cohort/node";
import type { Phase, StepKind } from "@cohort/proto/resources/workflow";
import type { Agents } from "../agents/agent-work.ts";
import type { Needs } from "../workflow/needs.ts";
import { type Cache, emptyCache } from "./cache.ts";
import type { Claim, Group } from "./groups.ts";
import type { Joined } from "./late-joiners.ts";
import { schedulerLimits } from "./limits.ts";
import { emptyQueues, type Queue, type Queues } from "./queues.ts";
import { emptyRoom, type Room } from "./room.ts";
import { emptyShares, type Shares } from "./shares.ts";
import type { Timers } from "./timers.ts";

/** Runs and all below them, as the events left them, with the indexes that decisions need. */
export interface Runs {
  /** Those that go on, and the latest that ended. */
  readonly byId: Map<string, Run>;
  /** Not ended, in order of start. */
  readonly active: Map<string, Run>;
  /** Ended, with how many parts they have, in the order in which they ended. */
  readonly ended: Map<string, number>;
  /** Of all of those together. */
  endedParts: number;
  /** With more than so many, the first of them leave memory. */
  readonly endedPartsMax: number;
  /** Of the runs in memory; history knows the others. */
  readonly byIdempotencyKey: Map<string, string>;
  /** Active runs that an event with a key started. */
  readonly byTriggerKey: Map<string, string>;
  /** By node ("" for the coordinator): attempts scheduled there and not ended; the load. */
  readonly onNode: Map<string, Set<Instance>>;
  /** Steps that nothing holds back but the want of nodes. */
  readonly ready: Set<Step>;
  readonly queues: Queues;
  readonly cache: Cache;
  /** What time alone will bring about. */
  readonly timers: Timers<Run | Instance | Drain | Queue>;
  /** By node: drains whose time is not over, and that something on the node outlasts. */
  readonly drains: Map<string, Drain>;
  /** What waits for a person's decision, in the order in which it was asked. */
  readonly asked: Map<Instance, Question>;
  /** Steps that go on and that nodes may join. */
  readonly joined: Joined;
  readonly room: Room;
  readonly shares: Shares;
  /** Time of the latest event. */
  nowMs: number;
  /** Messages of attempts that no broker has taken yet. */
  readonly publications: Map<Instance, readonly PublicationIntended[]>;
  /** Concurrency groups of which a run goes on or waits, by name. */
  readonly groups: Map<string, Group>;
  /** Nodes that are disconnected. */
  readonly away: Set<string>;
  /** Attempts that were ever scheduled; where the search for a node begins, so that work spreads. */
  scheduled: number;
}

/** What runs on a node is ended when this is due. */
export interface Drain {
  readonly drains: string;
  dueMs: number;
}

export interface Run {
  readonly run: string;
  readonly workflow: string;
  readonly version: string;
  readonly trigger: string;
  /** "" for none. */
  readonly idempotencyKey: string;
  /** Of the event that started it; "" for none. */
  readonly triggerKey: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly inputsJson: string;
  readonly event: unknown;
  /** Those that its steps name, as they stood when it started. */
  readonly agents: Agents;
  /** Attempt whose sub-workflow it is; null for none. */
  readonly parent: AttemptKey | null;
  /** Sub-workflows above it, itself included. */
  readonly depth: number;
  /** Its group, and what it asks of it; null when it has none. */
  readonly claim: Claim | null;
  readonly requestedMs: number;
  /** When it began; 0 until then. */
  startedMs: number;
  /** Number of the entry that started it. */
  readonly startedSeq: number;
  /** The run of which it does again what did not end well; "" for none. */
  readonly retryOf: string;
  /** The run whose inputs and event it was given; "" for none. */
  readonly rerunOf: string;
  readonly steps: ReadonlyMap<string, Step>;
  /** Which part of the workflow goes on; those before have ended. */
  phase: Phase;
  /** Steps of that part that have not ended. */
  unended: number;
  /** The first step that failed and whose failure counts; "" for none. */
  failure: string;
  /** Why the run may not go on; "" while it may. */
  stopReason: string;
  /** The outcome that the run was stopped with; null while it may go on. */
  stopOutcome: "failed" | "cancelled" | null;
  /** Whether nothing more of it may begin, not even `finally`. */
  endsAltogether: boolean;
  /** "queued": it waits for a place in its group, and nothing of it has begun. */
  state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  endedMs: number;
  reason: string;
  /** JSON of what its workflow's outputs give; "" where that is nothing. */
  outputsJson: string;
  /** When its timeout is over; 0 for none. */
  dueMs: number;
  /** While an operator holds it back; null while it goes on. */
  pause: Pause | null;
}

/** Nothing of the run begins, and neither its timeout nor the delays of its retries pass. */
export interface Pause {
  readonly sinceMs: number;
  readonly actor: string;
  readonly reason: string;
  /** The run whose pause it follows, as a sub-workflow within it; "" for its own. */
  readonly above: string;
  /** When the run's timeout would have been over; 0 for none. */
  readonly dueMs: number;
  /** Instances that would wait for a node, or for the end of a delay. */
  readonly held: Set<Instance>;
}

export interface Step {
  readonly run: string;
  readonly step: string;
  readonly kind: StepKind;
  /** Dependencies that have not ended. */
  waitsFor: number;
  /** A dependency that ended otherwise than this step needs; "" for none. */
  blocker: string;
  state: "waiting" | "running" | "succeeded" | "failed" | "skipped" | "cancelled";
  reason: string;
  /** The operator who skipped it; "" for none. */
  skippedBy: string;
  /** Whether it ended in the run that this one retries, and did not run here. */
  taken: boolean;
  instances: Instance[];
  /** Instances that were let go so far; the rest wait for their turn. */
  released: number;
  /** Instances that failed for good. */
  failures: number;
  /** Instances that have not ended for good. */
  unended: number;
}

export interface Instance {
  readonly run: string;
  readonly step: string;
  readonly instance: number;
  /** Node that this instance must run on; "" for any, or for the coordinator. */
  readonly pinned: string;
  readonly priority: number;
  /** What each attempt takes of its node. */
  readonly needs: Needs;
  /** What expressions read of this instance alone: `item`, `matrix`. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** Node that it is not to run on next, if another will do; "" for none. */
  avoids: string;
  /** Node that is, or was, kept free for it; "" for none. */
  keeps: string;
  /** The latest attempt; 0 before the first. */
  attempt: number;
  /** Attempts that ended through no fault of the step. */
  interruptions: number;
  node: string;
  /** "cancelled": its step ended before it did. */
  state: "queued" | "scheduled" | "accepted" | "running" | "succeeded" | "failed" | "cancelled";
  /** Not to be scheduled before; ms since 1970. */
  notBeforeMs: number;
  scheduledMs: number;
  startedMs: number;
  endedMs: number;
  /** When its delay, its node's absence or its time is over; 0 for never. */
  dueMs: number;
  /** Run of the sub-workflow that its latest attempt started; "" for none. */
  child: string;
  /** Of the latest attempt that ended, or what it was given instead of one. */
  result: Finished | null;
  /** Run whose success stands for an attempt of its own; "" for none. */
  cachedFrom: string;
}

/** What an attempt asks of people; it goes with the attempt. */
export interface Question {
  readonly prompt: string;
  /** Any of which may decide. */
  readonly roles: readonly string[];
}

export function emptyRuns(endedPartsMax: number = schedulerLimits.endedPartsMax): Runs {
  return {
    byId: new Map(),
    active: new Map(),
    ended: new Map(),
    endedParts: 0,
    endedPartsMax,
    byIdempotencyKey: new Map(),
    byTriggerKey: new Map(),
    onNode: new Map(),
    ready: new Set(),
    queues: emptyQueues(),
    cache: emptyCache(),
    timers: new Map(),
    drains: new Map(),
    asked: new Map(),
    joined: new Map(),
    room: emptyRoom(),
    shares: emptyShares(),
    nowMs: 0,
    publications: new Map(),
    groups: new Map(),
    away: new Set(),
    scheduled: 0,
  };
}

/** The run has ended: it is no longer active, and leaves memory in its turn. */
export function retire(runs: Runs, run: Run): void {
  const parts = partsOf(run);
  runs.active.delete(run.run);
  runs.ended.set(run.run, parts);
  runs.endedParts += parts;
}

/** An ended run leaves memory. */
export function forgetRun(runs: Runs, id: string): void {
  const run = runs.byId.get(id);
  runs.endedParts -= runs.ended.get(id) ?? 0;
  runs.ended.delete(id);
  runs.byId.delete(id);
  const key = run?.idempotencyKey ?? "";
  if (runs.byIdempotencyKey.get(key) === id) runs.byIdempotencyKey.delete(key);
}

export function findStep(runs: Runs, run: string, step: string): Step | null {
  return runs.byId.get(run)?.steps.get(step) ?? null;
}

export function findInstance(runs: Runs, key: AttemptKey): Instance | null {
  return findStep(runs, key.run, key.step)?.instances[key.instance] ?? null;
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

export function keyOf(instance: Instance): AttemptKey {
  const { run, step, instance: index, attempt } = instance;
  return { run, step, instance: index, attempt };
}

/** What it costs to remember: steps, instances, and each part's worth of text. */
function partsOf({ steps, inputsJson, event }: Run): number {
  const texts = inputsJson.length + (event === null ? 0 : JSON.stringify(event).length);
  const inSteps = [...steps.values()].reduce((sum, { instances }) => {
    const outputs = instances.reduce(
      (length, it) => length + (it.result?.outputJson.length ?? 0),
      0,
    );
    return sum + 1 + instances.length + Math.ceil(outputs / schedulerLimits.endedPartLength);
  }, 0);
  return inSteps + Math.ceil(texts / schedulerLimits.endedPartLength);
}
