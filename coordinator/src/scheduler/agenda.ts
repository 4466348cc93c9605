import type { AttemptKey, Finished } from "@cohort/proto/gen/cohort/node";
import { phases } from "@cohort/proto/resources/workflow";
import { workflowAt } from "../catalogue/catalogue.ts";
import { findCursor } from "../cron/apply-schedules.ts";
import { type Cursor, cursorsOf } from "../cron/schedules.ts";
import type { Recorded } from "../state/event.ts";
import type { CompiledStep, CompiledWorkflow } from "../workflow/compile.ts";
import { waitingSteps } from "./apply-step.ts";
import { findInstance, findStep, type Instance, type Run, type Runs, type Step } from "./runs.ts";
import type { Schedule } from "./schedule.ts";

/**
 * What may follow from the events since the scheduler last found nothing to do. Items are hints: each
 * is checked against the state, so one too many does no harm, and one too few is a bug.
 */
export interface Agenda {
  /** Steps that may begin, be skipped, or end. */
  readonly steps: Step[];
  /** Runs that may end. */
  readonly runs: string[];
  /** Instances that wait for a node since now. */
  readonly instances: Instance[];
  /** Attempts of the coordinator's own that have just begun, and may have more to ask of others. */
  readonly own: Instance[];
  /** Nodes that have room since now. */
  readonly nodes: Set<string>;
  /** Nodes that have just come, and may join steps that go on. */
  readonly joiners: Set<string>;
  /** Ends of sub-workflows, for the attempts that started them. */
  readonly results: { readonly attempt: AttemptKey; readonly result: Finished }[];
  /** Sub-workflows whose attempts may be over. */
  readonly orphans: string[];
  /** Concurrency groups that may have a place. */
  readonly groups: Set<string>;
  /** Runs that have just asked for one. */
  readonly newcomers: Run[];
  /** Schedules whose next time may have to be found. */
  readonly cursors: Cursor[];
}

export function emptyAgenda(): Agenda {
  return {
    steps: [],
    runs: [],
    instances: [],
    own: [],
    nodes: new Set(),
    joiners: new Set(),
    results: [],
    orphans: [],
    groups: new Set(),
    newcomers: [],
    cursors: [],
  };
}

/** Notes what an event that has been applied may bring about. */
export function noteEvent(
  agenda: Agenda,
  { catalogue, runs, schedules }: Schedule,
  { event }: Recorded,
): void {
  switch (event.$case) {
    case "runStarted": {
      const run = runs.byId.get(event.value.run);
      if (run === undefined) return;
      if (run.claim === null) return noteRoots(agenda, workflowAt(catalogue, run.version), run);
      agenda.groups.add(run.claim.group);
      agenda.newcomers.push(run);
      return;
    }
    case "runBegan": {
      const run = runs.byId.get(event.value.run);
      if (run !== undefined) noteRoots(agenda, workflowAt(catalogue, run.version), run);
      return;
    }
    case "stepPlanned": {
      const step = findStep(runs, event.value.run, event.value.step);
      if (step === null) return;
      if (step.instances.length === 0) agenda.steps.push(step);
      for (let at = step.released - 1; at >= 0; at--) {
        agenda.instances.push(step.instances[at] as Instance);
      }
      return;
    }
    case "attemptScheduled":
    case "approvalRequested":
    case "publicationIntended": {
      const key = event.value.attempt;
      const instance = key === undefined ? null : findInstance(runs, key);
      if (instance?.node === "") agenda.own.push(instance);
      // What was kept free for it, others may have now.
      const keeps = instance?.keeps ?? "";
      if (keeps !== "") agenda.nodes.add(keeps);
      return;
    }
    case "stepExtended": {
      const step = findStep(runs, event.value.run, event.value.step);
      const latest = step?.instances[step.released - 1];
      if (latest?.attempt === 0) agenda.instances.push(latest);
      return;
    }
    case "stepCached": {
      const instance = findInstance(runs, { ...event.value, attempt: 0 });
      if (instance === null) return;
      noteEnd(agenda, runs, instance);
      // What was kept free for it, others may have now.
      if (instance.keeps !== "") agenda.nodes.add(instance.keeps);
      return;
    }
    case "attemptEnded": {
      const key = event.value.attempt;
      const instance = key === undefined ? null : findInstance(runs, key);
      if (instance === null) return;
      noteEnd(agenda, runs, instance);
      if (instance.node !== "") agenda.nodes.add(instance.node);
      if (instance.state === "queued") agenda.instances.push(instance);
      if (instance.child !== "") agenda.orphans.push(instance.child);
      return;
    }
    case "retryDue": {
      const instance = findInstance(runs, { ...event.value, attempt: 0 });
      if (instance !== null) agenda.instances.push(instance);
      return;
    }
    case "stepTaken":
    case "stepEnded": {
      const run = runs.byId.get(event.value.run);
      const step = run?.steps.get(event.value.step);
      if (run === undefined || step === undefined) return;
      agenda.runs.push(run.run);
      const workflow = workflowAt(catalogue, run.version);
      const dependents = workflow.dependents.get(step.step) ?? [];
      for (const next of dependents.toReversed()) noteStep(agenda, findStep(runs, run.run, next));
      // Only the last of its part ends while the next one goes on already.
      const { phase } = workflow.steps.get(step.step) as CompiledStep;
      if (phases.indexOf(phase) < phases.indexOf(run.phase)) noteRoots(agenda, workflow, run);
      noteChildren(agenda, step);
      for (const { state, node, keeps } of step.instances) {
        if (state !== "cancelled") continue;
        if (node !== "") agenda.nodes.add(node);
        if (keeps !== "") agenda.nodes.add(keeps);
      }
      return;
    }
    case "runStopping": {
      const run = runs.byId.get(event.value.run);
      if (run?.state === "queued") agenda.runs.push(run.run);
      else agenda.steps.push(...(run?.steps.values() ?? []));
      if (run?.endsAltogether === true)
        for (const step of run.steps.values()) noteChildren(agenda, step);
      return;
    }
    case "runPaused":
      // Nodes that were kept free for what waited of it are so no longer.
      for (const { instances } of runs.byId.get(event.value.run)?.steps.values() ?? []) {
        for (const { keeps } of instances) if (keeps !== "") agenda.nodes.add(keeps);
      }
      return;
    case "runResumed": {
      const run = runs.byId.get(event.value.run);
      if (run !== undefined) noteReturn(agenda, run);
      return;
    }
    case "resourcesApplied":
      for (const { name } of event.value.resources) {
        agenda.cursors.push(...cursorsOf(schedules, name));
      }
      return;
    case "coordinatorStarted":
      for (const workflow of schedules.byWorkflow.keys()) {
        agenda.cursors.push(...cursorsOf(schedules, workflow));
      }
      return;
    case "scheduleFired": {
      const cursor = findCursor(schedules, event.value);
      if (cursor !== null) agenda.cursors.push(cursor);
      return;
    }
    case "nodeConnected":
    case "nodeUncordoned":
    case "nodeLabelled":
    case "nodeFactsChanged":
    case "nodeDeviceGranted":
    case "nodeUpdateEnded":
      agenda.joiners.add(event.value.node);
      agenda.nodes.add(event.value.node);
      for (const step of runs.ready) agenda.steps.push(step);
      return;
    case "nodeSlotsSet":
      agenda.nodes.add(event.value.node);
      return;
    case "nodeCordoned":
    case "nodeUpdateBegun":
      agenda.nodes.add(event.value.node);
      return noteLess(agenda, runs);
    case "nodeRevoked":
    case "nodeQuarantined":
    case "nodeDisconnected":
    case "nodeDeviceUngranted":
      return noteLess(agenda, runs);
    default:
      return;
  }
}

/** There is a node less: what avoided one may now have no other. */
function noteLess(agenda: Agenda, { queues }: Runs): void {
  for (const { avoids } of queues.classes.values()) {
    if (avoids !== "") agenda.nodes.add(avoids);
  }
}

/** All that a pause may have held back. */
function noteReturn(agenda: Agenda, run: Run): void {
  for (const step of [...run.steps.values()].reverse()) {
    if (step.state === "waiting") agenda.steps.push(step);
    const queued = step.instances.slice(0, step.released).filter((it) => it.state === "queued");
    agenda.instances.push(...queued.reverse());
  }
}

/** What a step started may have nobody left that waits for it. */
function noteChildren(agenda: Agenda, { instances }: Step): void {
  for (const { child } of instances) if (child !== "") agenda.orphans.push(child);
}

/** Its step may end, and the next instance may have its turn. */
function noteEnd(agenda: Agenda, runs: Schedule["runs"], instance: Instance): void {
  const step = findStep(runs, instance.run, instance.step) as Step;
  const latest = step.instances[step.released - 1] as Instance;
  if (latest.attempt === 0) agenda.instances.push(latest);
  noteStep(agenda, step);
}

/** Steps with which the run's present part begins. */
function noteRoots(agenda: Agenda, workflow: CompiledWorkflow, run: Run): void {
  const roots = waitingSteps(workflow, run).filter((step) => step.waitsFor === 0);
  agenda.steps.push(...roots.reverse());
}

function noteStep(agenda: Agenda, step: Step | null): void {
  if (step !== null) agenda.steps.push(step);
}
