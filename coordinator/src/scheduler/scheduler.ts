import { workflowAt } from "../catalogue/catalogue.ts";
import { decideFire, nextDue } from "../cron/decide-fire.ts";
import { isDraining } from "../fleet/fleet.ts";
import { nextUpdate, updatesDue } from "../rollout/next-update.ts";
import type { Event } from "../state/event.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import type { Agenda } from "./agenda.ts";
import { beginOwn } from "./begin-own.ts";
import { childResult, nextOfChildren } from "./children.ts";
import { nextFor } from "./choose.ts";
import type { Starts } from "./decide-start.ts";
import { whenDue } from "./due.ts";
import { endOfRun } from "./end-of-run.ts";
import { type Plan, planOf } from "./fan-out.ts";
import { nextJoin } from "./late-joiners.ts";
import { nextCached } from "./next-cached.ts";
import { nextOfGroups } from "./next-of-groups.ts";
import { nodeFor } from "./node-for.ts";
import { conditionOutcome, type Outcome, outcomeOf, refusalOf, stopOf } from "./outcome.ts";
import { load } from "./room.ts";
import { type Instance, keyOf, type Run, type Step } from "./runs.ts";
import type { Schedule } from "./schedule.ts";
import { dueBy } from "./timers.ts";

/**
 * The next event that follows from the state: a step ends, becomes ready or is placed, a run ends.
 * Pure but for the agenda, and one event only, so that each decision sees the one before it; the
 * writer asks again until there is none, and the agenda is empty then.
 */
export function nextEvent(schedule: Schedule, agenda: Agenda): Event | null {
  return (
    nextOfSteps(schedule, agenda) ??
    nextOfRuns(schedule, agenda) ??
    nextOfChildren(schedule.runs, agenda) ??
    nextOfGroups(schedule, agenda) ??
    nextJoin(schedule, agenda.joiners) ??
    nextOfOwn(schedule, agenda) ??
    nextOfInstances(schedule, agenda) ??
    nextOfNodes(schedule, agenda) ??
    nextOfSchedules(agenda) ??
    nextUpdate(schedule)
  );
}

/**
 * What time alone brings: delays that are over, nodes that stay away, work that lasts too long, runs
 * that are started on schedule.
 */
export function decideTick(schedule: Schedule, nowMs: number, starts: Starts): Event[] {
  return [
    ...whenDue(schedule, dueBy(schedule.runs.timers, nowMs), nowMs),
    ...decideFire(schedule, nowMs, starts),
    ...updatesDue(schedule.rollouts, nowMs),
  ];
}

function nextOfSteps(schedule: Schedule, { steps }: Agenda): Event | null {
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    const run = schedule.runs.active.get(step.run);
    if (run === undefined) continue;
    const event = nextOfStep(schedule, run, step);
    if (event !== null) return event;
  }
  return null;
}

function nextOfStep(schedule: Schedule, run: Run, step: Step): Event | null {
  const stop = stopOf(run, step, compiledStep(schedule, run, step.step));
  if (stop !== null) return stepEnded(step, stop);
  const isHeld = run.pause !== null || run.state === "queued";
  if (step.state === "waiting" && isHeld) return null;
  return step.state === "waiting" ? beginStep(schedule, run, step) : endStep(schedule, run, step);
}

/**
 * Plans a step whose dependencies have ended as it needs, ends one that cannot run any more. Where
 * the plan would say nothing and there is room, the attempt is all that is recorded.
 */
function beginStep(schedule: Schedule, run: Run, step: Step): Event | null {
  const workflow = workflowAt(schedule.catalogue, run.version);
  const compiled = workflow.steps.get(step.step) as CompiledStep;
  if (compiled.phase !== run.phase) return null;
  const refusal = refusalOf(run, step, workflow);
  if (refusal !== null) return stepEnded(step, refusal);
  if (step.waitsFor > 0) return null;
  const unmet = conditionOutcome(run, compiled);
  if (unmet !== null) return stepEnded(step, unmet);
  const plan = planOf(schedule, run, compiled);
  if (plan === null) return null;
  if (!("nodes" in plan)) return stepEnded(step, plan);
  const node = isPlain(plan, compiled) ? nodeAtOnce(schedule, run, compiled) : null;
  if (node === null) {
    return { $case: "stepPlanned", value: { run: run.run, step: step.step, ...plan } };
  }
  const attempt = { run: run.run, step: step.step, instance: 0, attempt: 1 };
  return { $case: "attemptScheduled", value: { attempt, node } };
}

/** Whether the plan is that of any step: one instance, of which nothing is known before it runs. */
function isPlain({ nodes, variablesJson }: Plan, { cache }: CompiledStep): boolean {
  return cache === null && variablesJson.length === 0 && nodes.length === 1 && nodes[0] === "";
}

/** Null when there is no room, or others wait for it too. */
function nodeAtOnce(schedule: Schedule, run: Run, step: CompiledStep): string | null {
  return schedule.runs.queues.waiting > 0 ? null : nodeFor(schedule, run, step, null, none);
}

const none: ReadonlySet<string> = new Set();

/** Ends the step when its outcome is certain. */
function endStep(schedule: Schedule, run: Run, step: Step): Event | null {
  if (step.state !== "running") return null;
  const outcome = outcomeOf(step, compiledStep(schedule, run, step.step));
  return outcome === null ? null : stepEnded(step, outcome);
}

function nextOfRuns(schedule: Schedule, agenda: Agenda): Event | null {
  for (let id = agenda.runs.pop(); id !== undefined; id = agenda.runs.pop()) {
    const run = schedule.runs.active.get(id);
    const isOver = run?.state === "queued" ? run.stopOutcome !== null : run?.unended === 0;
    if (run === undefined || !isOver) continue;
    if (run.claim !== null) agenda.groups.add(run.claim.group);
    const end = endOfRun(run, workflowAt(schedule.catalogue, run.version));
    if (run.parent !== null) {
      agenda.results.push({ attempt: run.parent, result: childResult(run, end) });
    }
    return { $case: "runEnded", value: { run: id, ...end } };
  }
  return null;
}

/** Attempts of the coordinator's own that ask something of others. */
function nextOfOwn(schedule: Schedule, { own }: Agenda): Event | null {
  for (let instance = own.pop(); instance !== undefined; instance = own.pop()) {
    const event = beginOwn(schedule, instance);
    if (event !== null) return event;
  }
  return null;
}

/** Instances that have just come into a queue. One that finds no room waits there for a node. */
function nextOfInstances(schedule: Schedule, { instances, nodes }: Agenda): Event | null {
  for (let instance = instances.pop(); instance !== undefined; instance = instances.pop()) {
    const run = schedule.runs.active.get(instance.run);
    if (run === undefined || run.pause !== null || instance.state !== "queued") continue;
    if (isDelayed(schedule, instance)) continue;
    const cached = cachedFor(schedule, run, instance);
    if (cached !== null) return cached;
    const step = compiledStep(schedule, run, instance.step);
    const node = nodeFor(schedule, run, step, instance, nodes);
    if (node !== null) return attemptScheduled(instance, node);
  }
  return null;
}

function cachedFor(schedule: Schedule, run: Run, instance: Instance): Event | null {
  return nextCached(schedule, run, compiledStep(schedule, run, instance.step), instance);
}

/** Nodes that have room, each filled with what goes next there. */
function nextOfNodes(schedule: Schedule, { nodes }: Agenda): Event | null {
  const { fleet, runs } = schedule;
  for (const name of nodes) {
    if (isDraining(fleet.nodes.get(name)) && load(runs, name) === 0) {
      return { $case: "nodeDrained", value: { node: name, recalled: [] } };
    }
    const instance = runs.room.open.has(name) ? nextFor(schedule, name) : null;
    if (instance !== null) {
      const run = runs.active.get(instance.run) as Run;
      return cachedFor(schedule, run, instance) ?? attemptScheduled(instance, name);
    }
    nodes.delete(name);
  }
  return null;
}

function nextOfSchedules({ cursors }: Agenda): Event | null {
  for (let cursor = cursors.pop(); cursor !== undefined; cursor = cursors.pop()) {
    const event = nextDue(cursor);
    if (event !== null) return event;
  }
  return null;
}

function isDelayed({ runs }: Schedule, instance: Instance): boolean {
  return runs.queues.delayed.has(instance);
}

function compiledStep({ catalogue }: Schedule, run: Run, step: string): CompiledStep {
  return workflowAt(catalogue, run.version).steps.get(step) as CompiledStep;
}

function attemptScheduled(instance: Instance, node: string): Event {
  const attempt = { ...keyOf(instance), attempt: instance.attempt + 1 };
  return { $case: "attemptScheduled", value: { attempt, node } };
}

function stepEnded({ run, step }: Step, outcome: Outcome): Event {
  return { $case: "stepEnded", value: { run, step, ...outcome, actor: "" } };
}
