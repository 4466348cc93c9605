import type { ScheduleTrigger } from "@cohort/proto/resources/workflow/trigger";
import type { Timers } from "../scheduler/timers.ts";

/** Schedules of every workflow's newest version, as the events left them. */
export interface Schedules {
  /** By workflow, then by `scheduleKey`. */
  readonly byWorkflow: Map<string, Map<string, Cursor>>;
  /** By workflow: runs that a schedule started and that have not ended. */
  readonly open: Map<string, Set<string>>;
  /** The workflow of each of these. */
  readonly workflowOf: Map<string, string>;
  readonly timers: Timers<Cursor>;
}

/** How far one schedule has come. */
export interface Cursor {
  readonly workflow: string;
  trigger: ScheduleTrigger;
  /** What is due up to this time, in ms since 1970, is settled. */
  settledMs: number;
  /** When it is due next; 0 until that is recorded. */
  nextMs: number;
  /** A time that was due and waits until the workflow's run has ended; 0 for none. */
  waitingMs: number;
  /** What became of the time before; null for the first. */
  last: Settled | null;
  /** When there is something to decide about it; 0 for never. */
  dueMs: number;
}

export interface Settled {
  readonly dueMs: number;
  readonly outcome: string;
  readonly run: string;
  readonly reason: string;
}

export function emptySchedules(): Schedules {
  return { byWorkflow: new Map(), open: new Map(), workflowOf: new Map(), timers: new Map() };
}

/** By this a schedule is the same in another version of its workflow. */
export function scheduleKey(it: Pick<ScheduleTrigger, "cron" | "timezone">): string {
  return `${it.cron} ${it.timezone}`;
}

export function cursorsOf({ byWorkflow }: Schedules, workflow: string): Cursor[] {
  return [...(byWorkflow.get(workflow)?.values() ?? [])];
}

/** Whether a run that a schedule of the workflow started still goes on. */
export function isBusy({ open }: Schedules, workflow: string): boolean {
  return open.has(workflow);
}
