import type { ScheduleFired } from "@cohort/proto/gen/cohort/ledger";
import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import { clearTimer, setTimer } from "../scheduler/timers.ts";
import type { Recorded } from "../state/event.ts";
import { cronLimits } from "./limits.ts";
import { type Cursor, cursorsOf, isBusy, type Schedules, scheduleKey } from "./schedules.ts";

/** Applies an event to the schedules, after the catalogue; total, and asks no clock. */
export function applySchedules(
  schedules: Schedules,
  catalogue: Catalogue,
  { atMs, event }: Recorded,
): void {
  switch (event.$case) {
    case "resourcesApplied":
      for (const { kind, name, version } of event.value.resources) {
        if (kind === "workflow") replace(schedules, catalogue, name, version, atMs);
      }
      return;
    case "scheduleSet": {
      const cursor = findCursor(schedules, event.value);
      if (cursor === null) return;
      cursor.nextMs = event.value.dueMs;
      return arm(schedules, cursor);
    }
    case "scheduleFired":
      return applyFired(schedules, event.value);
    case "runStarted": {
      const { run, workflow, trigger } = event.value;
      if (trigger !== "schedule") return;
      const open = schedules.open.get(workflow) ?? new Set();
      schedules.open.set(workflow, open.add(run));
      schedules.workflowOf.set(run, workflow);
      return;
    }
    case "runEnded":
      return applyRunEnded(schedules, event.value.run);
    case "coordinatorStarted":
      for (const cursors of schedules.byWorkflow.values()) {
        for (const cursor of cursors.values()) bringBack(cursor, atMs);
      }
      return;
    default:
  }
}

/** The cursor of the schedule with this expression and time zone, if the workflow still has it. */
export function findCursor(
  schedules: Schedules,
  { workflow, cron, timezone }: Pick<ScheduleFired, "workflow" | "cron" | "timezone">,
): Cursor | null {
  return schedules.byWorkflow.get(workflow)?.get(scheduleKey({ cron, timezone })) ?? null;
}

/** A schedule that stays the same goes on where it was; another begins now. */
function replace(
  schedules: Schedules,
  catalogue: Catalogue,
  workflow: string,
  version: string,
  atMs: number,
): void {
  const before = schedules.byWorkflow.get(workflow) ?? new Map<string, Cursor>();
  const triggers = workflowAt(catalogue, version).definition.on.schedule;
  const after = new Map(
    triggers.map((trigger): [string, Cursor] => {
      const key = scheduleKey(trigger);
      const known = before.get(key);
      if (known === undefined) return [key, newCursor(workflow, trigger, atMs)];
      known.trigger = trigger;
      return [key, known];
    }),
  );
  for (const [key, cursor] of before) {
    if (!after.has(key)) clearTimer(schedules.timers, cursor);
  }
  if (after.size > 0) schedules.byWorkflow.set(workflow, after);
  else schedules.byWorkflow.delete(workflow);
}

function newCursor(workflow: string, trigger: Cursor["trigger"], atMs: number): Cursor {
  return { workflow, trigger, settledMs: atMs, nextMs: 0, waitingMs: 0, last: null, dueMs: 0 };
}

function applyFired(schedules: Schedules, value: ScheduleFired): void {
  const { dueMs, throughMs, outcome, run, reason } = value;
  const cursor = findCursor(schedules, value);
  if (cursor === null) return;
  cursor.last = { dueMs: throughMs, outcome, run, reason };
  if (outcome === "waiting") cursor.waitingMs = dueMs;
  else if (dueMs === cursor.waitingMs) cursor.waitingMs = 0;
  if (throughMs > cursor.settledMs) {
    cursor.settledMs = throughMs;
    cursor.nextMs = 0;
  }
  arm(schedules, cursor);
}

function applyRunEnded(schedules: Schedules, run: string): void {
  const workflow = schedules.workflowOf.get(run);
  if (workflow === undefined) return;
  schedules.workflowOf.delete(run);
  const open = schedules.open.get(workflow);
  open?.delete(run);
  if (open !== undefined && open.size > 0) return;
  schedules.open.delete(workflow);
  for (const cursor of cursorsOf(schedules, workflow)) arm(schedules, cursor);
}

/** What waits is to be decided as soon as it may begin; otherwise the next time is. */
function arm(schedules: Schedules, cursor: Cursor): void {
  const mayBegin = cursor.waitingMs > 0 && !isBusy(schedules, cursor.workflow);
  const dueMs = mayBegin ? cursor.waitingMs : cursor.nextMs;
  if (dueMs === 0) clearTimer(schedules.timers, cursor);
  else setTimer(schedules.timers, cursor, dueMs);
}

/** After a clock that was far ahead has been corrected, the schedule does not sleep until then. */
function bringBack(cursor: Cursor, atMs: number): void {
  if (cursor.settledMs <= atMs + cronLimits.clockBackMsMax) return;
  cursor.settledMs = atMs;
  cursor.nextMs = 0;
}
