import type { ScheduleFired } from "@cohort/proto/gen/cohort/ledger";
import { CohortError } from "@cohort/proto/problem";
import type { Catalogue } from "../catalogue/catalogue.ts";
import { decideStart, type Starts } from "../scheduler/decide-start.ts";
import type { Runs } from "../scheduler/runs.ts";
import { dueBy } from "../scheduler/timers.ts";
import type { Event } from "../state/event.ts";
import { timesOf } from "./cron.ts";
import { cronLimits } from "./limits.ts";
import { type Cursor, isBusy, type Schedules } from "./schedules.ts";

interface Scheduled {
  readonly catalogue: Catalogue;
  readonly runs: Runs;
  readonly schedules: Schedules;
}

/** The event that records when a schedule is due next; null when that stands, or never comes. */
export function nextDue({ workflow, trigger, settledMs, nextMs }: Cursor): Event | null {
  if (nextMs !== 0) return null;
  const { cron, timezone } = trigger;
  const dueMs = timesOf(trigger).nextAfter(settledMs);
  if (dueMs === null) return null;
  return { $case: "scheduleSet", value: { workflow, cron, timezone, dueMs } };
}

/**
 * What becomes of the schedules whose time has come. Of one workflow's no more than one is decided,
 * so that the next one sees the run that it started.
 */
export function decideFire(state: Scheduled, nowMs: number, starts: Starts): Event[] {
  const workflows = new Set<string>();
  return dueBy(state.schedules.timers, nowMs).flatMap((cursor) => {
    if (workflows.has(cursor.workflow)) return [];
    workflows.add(cursor.workflow);
    if (cursor.waitingMs > 0 && !isBusy(state.schedules, cursor.workflow)) {
      return start(state, cursor, cursor.waitingMs, starts);
    }
    return fire(state, cursor, nowMs, starts);
  });
}

/** Of all times since the last one only the latest may start a run, if it is not too late for it. */
function fire(state: Scheduled, cursor: Cursor, nowMs: number, starts: Starts): Event[] {
  const { trigger, nextMs } = cursor;
  const latestMs = Math.max(nextMs, timesOf(trigger).latestUntil(nowMs) ?? nextMs);
  const tooLate = nowMs - latestMs > Math.max(trigger.catchup, cronLimits.graceMs);
  const missed = tooLate ? [missedBetween(cursor, latestMs)] : missedBefore(cursor, latestMs);
  if (tooLate) return missed;
  if (!isBusy(state.schedules, cursor.workflow) || trigger.overlap === "allow") {
    return [...missed, ...start(state, cursor, latestMs, starts)];
  }
  if (trigger.overlap === "queue" && cursor.waitingMs === 0) {
    return [...missed, fired(cursor, { dueMs: latestMs, outcome: "waiting" })];
  }
  const reason =
    trigger.overlap === "queue"
      ? "the one before still waits"
      : "a run of an earlier time still goes on";
  return [...missed, fired(cursor, { dueMs: latestMs, outcome: "skipped", reason })];
}

function start(state: Scheduled, cursor: Cursor, dueMs: number, starts: Starts): Event[] {
  const { workflow } = cursor;
  const { cron, timezone } = cursor.trigger;
  const due = new Date(dueMs).toISOString();
  try {
    const request = {
      run: starts.newId(),
      workflow,
      trigger: "schedule" as const,
      actor: "schedule",
      inputs: {},
      event: { schedule: { due_ms: dueMs, due, cron, timezone } },
      idempotencyKey: `schedule/${workflow}/${cron} ${timezone}/${dueMs}`,
    };
    const { events, value } = decideStart(state, request, starts.history);
    return [...events, fired(cursor, { dueMs, outcome: "started", run: value.run })];
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    const reason = `${error.code} ${error.problems[0]?.message ?? ""}`.toWellFormed();
    return [fired(cursor, { dueMs, outcome: "refused", reason })];
  }
}

function missedBefore(cursor: Cursor, latestMs: number): Event[] {
  const before = timesOf(cursor.trigger).latestUntil(latestMs - 1) ?? 0;
  return before < cursor.nextMs ? [] : [missedBetween(cursor, before)];
}

function missedBetween(cursor: Cursor, throughMs: number): Event {
  const times = timesOf(cursor.trigger);
  let count = 0;
  let at: number | null = cursor.nextMs;
  while (at !== null && at <= throughMs && count < cronLimits.missedCountMax) {
    count++;
    at = times.nextAfter(at);
  }
  const reason = "the coordinator was away, or its clock was put forward";
  return fired(cursor, { dueMs: cursor.nextMs, outcome: "missed", reason, throughMs, count });
}

function fired(
  { workflow, trigger: { cron, timezone } }: Cursor,
  what: Partial<ScheduleFired> & Pick<ScheduleFired, "dueMs" | "outcome">,
): Event {
  const { dueMs } = what;
  const about = { workflow, cron, timezone, run: "", reason: "", throughMs: dueMs, count: 1 };
  return { $case: "scheduleFired", value: { ...about, ...what } };
}
