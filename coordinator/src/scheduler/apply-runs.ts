import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { Recorded } from "../state/event.ts";
import { applyAttempt } from "./apply-attempt.ts";
import { applyStepEnded, applyStepExtended, applyStepPlanned, beginPhase } from "./apply-step.ts";
import { forgetCached } from "./cache.ts";
import { contextOf } from "./context.ts";
import { holdPlace, joinGroup, leaveGroup } from "./groups.ts";
import { newRun } from "./new-run.ts";
import { beginPause, endPause } from "./pause.ts";
import { instancesOf, pinnedTo } from "./queues.ts";
import { applyOffer } from "./room.ts";
import { findInstance, type Instance, type Run, type Runs, retire } from "./runs.ts";
import type { Schedule } from "./schedule.ts";
import { applyStepTaken } from "./take-over.ts";
import { clearTimer, setTimer } from "./timers.ts";
import { holdKey, releaseKey } from "./trigger-keys.ts";
import { watchLoss } from "./waiting.ts";

/** Applies an event to the runs. Total: every event that was ever recorded applies again the same. */
export function applyRuns(
  runs: Runs,
  { catalogue, fleet }: Omit<Schedule, "runs">,
  recorded: Recorded,
): void {
  const { atMs, event } = recorded;
  runs.nowMs = Math.max(runs.nowMs, atMs);
  switch (event.$case) {
    case "runStarted": {
      const run = newRun(event.value, catalogue, recorded);
      runs.byId.set(run.run, run);
      runs.active.set(run.run, run);
      const { idempotencyKey } = event.value;
      if (idempotencyKey !== "") runs.byIdempotencyKey.set(idempotencyKey, run.run);
      holdKey(runs, run);
      adopt(runs, run, atMs);
      if (run.claim === null) begin(runs, catalogue, run, atMs);
      else joinGroup(runs, run);
      return;
    }
    case "runBegan": {
      const run = runs.active.get(event.value.run);
      if (run === undefined) return;
      holdPlace(runs, run);
      return begin(runs, catalogue, run, atMs);
    }
    case "stepPlanned":
      return applyStepPlanned(runs, catalogue, event.value, atMs);
    case "stepExtended":
      return applyStepExtended(runs, catalogue, event.value, atMs);
    case "stepTaken":
      return applyStepTaken(runs, catalogue, event.value, atMs);
    case "stepEnded":
      return applyStepEnded(runs, catalogue, event.value, atMs);
    case "runStopping": {
      const run = runs.byId.get(event.value.run);
      if (run === undefined) return;
      // What is still to be done, finally, must not wait for a resume.
      endPause(runs, catalogue, run, atMs);
      if (event.value.altogether) run.endsAltogether = true;
      if (run.stopOutcome === null) {
        run.stopReason = event.value.reason;
        run.stopOutcome = event.value.outcome as Run["stopOutcome"];
      }
      clearTimer(runs.timers, run);
      return;
    }
    case "runEnded": {
      const run = runs.byId.get(event.value.run);
      if (run === undefined) return;
      if (run.state === "queued") skipSteps(runs, run, event.value.reason);
      leaveGroup(runs, run);
      releaseKey(runs, run);
      run.state = event.value.outcome as Run["state"];
      run.reason = event.value.reason;
      run.outputsJson = event.value.outputsJson;
      run.endedMs = atMs;
      run.pause = null;
      retire(runs, run);
      return;
    }
    case "runPaused": {
      const run = runs.active.get(event.value.run);
      if (run !== undefined) beginPause(runs, catalogue, run, event.value, atMs);
      return;
    }
    case "runResumed": {
      const run = runs.active.get(event.value.run);
      if (run !== undefined) endPause(runs, catalogue, run, atMs);
      return;
    }
    case "nodeRevoked":
    case "nodeQuarantined":
    case "nodeDisconnected": {
      const { node } = event.value;
      runs.away.add(node);
      applyOffer(runs, fleet, node);
      for (const instance of boundTo(runs, node)) {
        watchLoss(runs, instance, contextOf(runs, catalogue, instance), atMs);
      }
      return;
    }
    case "nodeConnected": {
      const { node } = event.value;
      runs.away.delete(node);
      applyOffer(runs, fleet, node);
      for (const instance of boundTo(runs, node)) clearTimer(runs.timers, instance);
      return;
    }
    case "nodeCordoned":
      applyOffer(runs, fleet, event.value.node);
      return watchDrain(runs, event.value.node, event.value.drainByMs);
    case "nodeUncordoned":
      applyOffer(runs, fleet, event.value.node);
      return watchDrain(runs, event.value.node, 0);
    case "nodeSlotsSet":
    case "nodeLabelled":
    case "nodeFactsChanged":
    case "nodeUpdateBegun":
    case "nodeUpdateEnded":
      return applyOffer(runs, fleet, event.value.node);
    case "nodeKept": {
      const instance = findInstance(runs, { ...event.value, attempt: 0 });
      // What was due in the same moment may have ended it.
      if (instance?.state !== "queued" || runs.queues.delayed.has(instance)) return;
      instance.keeps = event.value.node;
      runs.room.kept.set(instance.keeps, instance);
      return;
    }
    case "nodeDrained":
      return watchDrain(runs, event.value.node, 0);
    case "payloadsDropped":
      return forgetCached(runs.cache, event.value.endedSeq);
    default:
      return applyAttempt(runs, catalogue, recorded);
  }
}

/** The attempt that started the run waits for its end. */
function adopt(runs: Runs, { run, parent }: Run, atMs: number): void {
  const instance = parent === null ? null : findInstance(runs, parent);
  if (instance?.attempt !== parent?.attempt || instance === null) return;
  instance.child = run;
  instance.state = "running";
  instance.startedMs = atMs;
}

/** The run's first part and its timeout begin. */
function begin(runs: Runs, catalogue: Catalogue, run: Run, atMs: number): void {
  const workflow = workflowAt(catalogue, run.version);
  run.state = "running";
  run.startedMs = atMs;
  beginPhase(runs, workflow, run);
  const { timeout } = workflow.definition;
  if (timeout !== undefined) setTimer(runs.timers, run, atMs + timeout);
}

/** Of a run that ends without having begun: some may be ready by what it took over. */
function skipSteps({ ready }: Runs, { steps }: Run, reason: string): void {
  for (const step of steps.values()) {
    if (step.state === "waiting") Object.assign(step, { state: "skipped", reason });
    ready.delete(step);
  }
}

/** Replaces the time at which what runs on a node is ended; 0 for none. */
function watchDrain(runs: Runs, node: string, byMs: number): void {
  const before = runs.drains.get(node);
  if (before !== undefined) clearTimer(runs.timers, before);
  runs.drains.delete(node);
  if (byMs === 0) return;
  const drain = { drains: node, dueMs: 0 };
  runs.drains.set(node, drain);
  setTimer(runs.timers, drain, byMs);
}

/** What runs on a node, and what waits for it alone. */
function boundTo({ onNode, queues }: Runs, node: string): Instance[] {
  return [...(onNode.get(node) ?? []), ...[...pinnedTo(queues, node)].flatMap(instancesOf)];
}
