import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { FleetState } from "../fleet/fleet.ts";
import type { Event, Recorded } from "../state/event.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { hasRoom, matchingNodes, pickNode } from "./placement.ts";
import { retryAt } from "./retry.ts";
import { type Instance, isEnded, keyOf, type Run, type Runs, type Step } from "./runs.ts";

/** What the scheduler reads; a part of the whole state. */
export interface Schedule {
  readonly catalogue: Catalogue;
  readonly fleet: FleetState;
  readonly runs: Runs;
}

/** What has changed since the scheduler last found nothing to do. */
export interface Agenda {
  /** Runs whose steps or attempts changed. */
  readonly runs: Set<string>;
  /** A node came or an attempt left one, so that something queued may fit now. */
  room: boolean;
}

export function emptyAgenda(): Agenda {
  return { runs: new Set(), room: false };
}

/** Notes what an event that has been applied may bring about. */
export function noteEvent(agenda: Agenda, { event }: Recorded): void {
  switch (event.$case) {
    case "runStarted":
    case "stepPlanned":
    case "stepEnded":
      agenda.runs.add(event.value.run);
      return;
    case "attemptScheduled":
    case "attemptEnded":
      agenda.runs.add(event.value.attempt?.run ?? "");
      agenda.room ||= event.$case === "attemptEnded";
      return;
    case "nodeConnected":
    case "runEnded":
      agenda.room = true;
      return;
    default:
      return;
  }
}

/**
 * The next event that follows from the state: a step ends, becomes ready or is placed, a run ends.
 * Pure, and one event only, so that each decision sees the one before it; the writer asks again
 * until there is none, and the agenda is empty then.
 */
export function nextEvent(schedule: Schedule, agenda: Agenda, nowMs: number): Event | null {
  for (const id of agenda.runs) {
    const event = nextOfRun(schedule, id, nowMs);
    if (event !== null) return event;
    agenda.runs.delete(id);
  }
  if (!agenda.room) return null;
  for (const id of schedule.runs.active.keys()) {
    const event = nextOfRun(schedule, id, nowMs);
    if (event !== null) return event;
  }
  agenda.room = false;
  return null;
}

/** What time alone brings: runs that last too long, retries whose delay is over. */
export function decideTick(schedule: Schedule, nowMs: number): Event[] {
  const late = [...schedule.runs.active.values()].filter((run) => {
    const timeout = workflowAt(schedule.catalogue, run.version).definition.timeout;
    return timeout !== undefined && nowMs >= run.startedMs + timeout;
  });
  if (late.length > 0) {
    return late.map((run) =>
      runEnded(run.run, "failed", "RUN_TIMEOUT the run lasted longer than its timeout"),
    );
  }
  const retry = nextEvent(schedule, { runs: new Set(), room: true }, nowMs);
  return retry === null ? [] : [retry];
}

function nextOfRun(schedule: Schedule, id: string, nowMs: number): Event | null {
  const run = schedule.runs.active.get(id);
  if (run === undefined) return null;
  const workflow = workflowAt(schedule.catalogue, run.version);
  for (const step of run.steps.values()) {
    const compiled = workflow.steps.get(step.step) as CompiledStep;
    const event =
      step.state === "waiting"
        ? beginStep(schedule, run, step, compiled)
        : step.state === "running"
          ? (endStep(run, step, compiled) ?? placeInstance(schedule, run, step, compiled, nowMs))
          : null;
    if (event !== null) return event;
  }
  return endRun(run);
}

/** Plans a step whose dependencies have succeeded, skips one that cannot run any more. */
function beginStep(schedule: Schedule, run: Run, step: Step, compiled: CompiledStep): Event | null {
  const before = compiled.definition.depends.map((id) => run.steps.get(id) as Step);
  const blocker = before.find((it) => it.state === "failed" || it.state === "skipped");
  if (blocker !== undefined) {
    return stepEnded(run.run, step.step, "skipped", `step ${blocker.step} ${blocker.state}`);
  }
  if (!before.every((it) => it.state === "succeeded")) return null;
  const nodes = plannedNodes(schedule, run, compiled);
  return nodes === null
    ? null
    : { $case: "stepPlanned", value: { run: run.run, step: step.step, nodes } };
}

/** Nodes by instance; null while too few fit, in which case the step waits. */
function plannedNodes(schedule: Schedule, run: Run, step: CompiledStep): string[] | null {
  if (step.kind === "call" || step.definition.nodes === undefined) return [""];
  const { count } = step.definition.nodes;
  const fitting = matchingNodes(schedule.fleet, step, run).filter(
    (node) => node.state === "connected",
  );
  if (count === "all") return fitting.length === 0 ? null : fitting.map((node) => node.node);
  if (fitting.length < count) return null;
  const roomy = fitting.filter((node) => hasRoom(node, schedule.runs));
  const others = fitting.filter((node) => !roomy.includes(node));
  return [...roomy, ...others].slice(0, count).map((node) => node.node);
}

/** Ends the step when all its instances have ended for good. */
function endStep(run: Run, step: Step, { definition }: CompiledStep): Event | null {
  const over = (it: Instance) =>
    it.state === "succeeded" || (it.state === "failed" && retryAt(it, definition) === null);
  if (!step.instances.every(over)) return null;
  const failed = step.instances.find((it) => it.state === "failed");
  if (failed === undefined) return stepEnded(run.run, step.step, "succeeded", "");
  const { code = "", message = "" } = failed.result ?? {};
  return stepEnded(run.run, step.step, "failed", `${code} ${message}`.trim());
}

function placeInstance(
  schedule: Schedule,
  run: Run,
  step: Step,
  compiled: CompiledStep,
  nowMs: number,
): Event | null {
  for (const instance of step.instances) {
    if (!mayStart(instance, compiled, nowMs)) continue;
    const node = nodeFor(schedule, run, compiled, instance);
    if (node === null) continue;
    const attempt = { ...keyOf(instance), attempt: instance.attempt + 1 };
    return { $case: "attemptScheduled", value: { attempt, node } };
  }
  return null;
}

function mayStart(instance: Instance, step: CompiledStep, nowMs: number): boolean {
  if (instance.state === "queued") return true;
  if (instance.state !== "failed") return false;
  const at = retryAt(instance, step.definition);
  return at !== null && nowMs >= at;
}

/** "" for the coordinator itself; null when there is no room. */
function nodeFor(
  schedule: Schedule,
  run: Run,
  step: CompiledStep,
  instance: Instance,
): string | null {
  if (step.kind === "call") return "";
  if (instance.pinned !== "") {
    const node = schedule.fleet.nodes.get(instance.pinned);
    return node !== undefined && hasRoom(node, schedule.runs) ? node.node : null;
  }
  return pickNode(matchingNodes(schedule.fleet, step, run), schedule.runs)?.node ?? null;
}

function endRun(run: Run): Event | null {
  const steps = [...run.steps.values()];
  if (!steps.every(isEnded)) return null;
  const failed = steps.find((step) => step.state === "failed");
  if (failed === undefined) return runEnded(run.run, "succeeded", "");
  return runEnded(run.run, "failed", `step ${failed.step}: ${failed.reason}`);
}

function stepEnded(run: string, step: string, outcome: Step["state"], reason: string): Event {
  return { $case: "stepEnded", value: { run, step, outcome, reason } };
}

function runEnded(run: string, outcome: "succeeded" | "failed", reason: string): Event {
  return { $case: "runEnded", value: { run, outcome, reason } };
}
