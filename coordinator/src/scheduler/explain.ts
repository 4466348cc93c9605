import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { workflowAt } from "../catalogue/catalogue.ts";
import type { CompiledStep, CompiledWorkflow } from "../workflow/compile.ts";
import { suggest } from "../workflow/nearest.ts";
import { candidatesFor } from "./candidates.ts";
import { explainInstance, type InstanceReason } from "./explain-instance.ts";
import { explainNodes, type NodeGroup } from "./explain-nodes.ts";
import { placementOf } from "./placement.ts";
import { plannedNodes } from "./planned-nodes.ts";
import { isActive, type Run, type Step } from "./runs.ts";
import type { Schedule } from "./schedule.ts";

/** Why a step does not run, or what of it does. */
export interface Explanation {
  readonly run: string;
  readonly step: string;
  readonly state: Step["state"];
  /** What holds the step as a whole; none when only its instances wait, or nothing does. */
  readonly reasons: readonly Reason[];
  /** Those that have not ended, the first of them unless all are asked for. */
  readonly instances: readonly InstanceReason[];
  readonly instancesLeftOut: number;
  /** Every node by what rules it out for the first instance that waits; [] where none is needed. */
  readonly nodes: readonly NodeGroup[];
}

export interface Reason {
  readonly code:
    | "ended"
    | "run-ended"
    | "run-stopping"
    | "run-queued"
    | "run-paused"
    | "waits-for-step"
    | "waits-for-part"
    | "condition"
    | "too-few-nodes"
    | "max-concurrent"
    | "retry-delay"
    | "waits-for-node"
    | "waits-for-person"
    | "sent"
    | "runs";
  readonly text: string;
}

/** Pure. Throws RUN_UNKNOWN (also for a run that left memory), STEP_UNKNOWN. */
export function explainStep(
  schedule: Schedule,
  request: { readonly run: string; readonly step: string; readonly all: boolean },
): Explanation {
  const { catalogue, runs } = schedule;
  const run = runs.byId.get(request.run);
  if (run === undefined) {
    throw refuse("RUN_UNKNOWN", `no run with the id "${request.run.slice(0, 100)}" goes on`, {
      hint: "`cohort status RUN` tells of one that has ended.",
    });
  }
  const workflow = workflowAt(catalogue, run.version);
  const step = run.steps.get(request.step);
  const compiled = workflow.steps.get(request.step);
  if (step === undefined || compiled === undefined) {
    const near = suggest(request.step, [...run.steps.keys()]);
    const name = request.step.slice(0, limits.nameLengthMax);
    throw refuse("STEP_UNKNOWN", `workflow ${run.workflow} has no step "${name}"`, { hint: near });
  }
  const unended = step.instances.filter((it) => it.state === "queued" || isActive(it));
  const shown = request.all ? unended : unended.slice(0, instancesShown);
  const isOver = step.state !== "waiting" && step.state !== "running";
  const needsNode = placementOf(compiled, run) !== null && !isOver;
  const waits = unended.find((it) => it.state === "queued") ?? null;
  const asksNodes = needsNode && (waits !== null || step.state === "waiting");
  return {
    run: run.run,
    step: step.step,
    state: step.state,
    reasons: reasonsOf(schedule, run, step, workflow),
    instances: shown.map((it) => explainInstance(schedule, run, it)),
    instancesLeftOut: unended.length - shown.length,
    nodes: asksNodes ? explainNodes(schedule, run, compiled, waits, request.all) : [],
  };
}

const instancesShown = 10;

function reasonsOf(schedule: Schedule, run: Run, step: Step, workflow: CompiledWorkflow): Reason[] {
  const compiled = workflow.steps.get(step.step) as CompiledStep;
  if (step.state !== "waiting" && step.state !== "running") {
    const why = step.reason === "" ? "" : `: ${step.reason}`;
    return [{ code: "ended", text: `the step ${step.state}${why}` }];
  }
  if (run.state === "queued") {
    const text = `the run waits for a place in its concurrency group ${run.claim?.group ?? ""}`;
    return [{ code: "run-queued", text: text.trim() }];
  }
  if (run.state !== "running") {
    return [{ code: "run-ended", text: `the run ${run.state}` }];
  }
  const reasons: Reason[] = [];
  if (run.stopOutcome !== null) {
    reasons.push({ code: "run-stopping", text: `the run is being ended: ${run.stopReason}` });
  }
  if (run.pause !== null) {
    const { actor, reason } = run.pause;
    const why = reason === "" ? "" : `: ${reason}`;
    reasons.push({ code: "run-paused", text: `the run was paused by ${actor}${why}` });
  }
  if (step.state === "running") return [...reasons, ...turnOf(step, compiled)];
  for (const id of compiled.dependencies.steps) {
    const { state } = run.steps.get(id) as Step;
    if (state !== "waiting" && state !== "running") continue;
    const text = `waits for step ${id}, which is ${state}`;
    reasons.push({ code: "waits-for-step", text });
  }
  if (compiled.phase !== run.phase) {
    const text = `\`${compiled.phase}\` follows when the steps of \`${run.phase}\` have ended`;
    reasons.push({ code: "waits-for-part", text });
  }
  if (compiled.definition.if !== undefined) {
    const text = `its condition is evaluated when it could begin: ${compiled.definition.if}`;
    reasons.push({ code: "condition", text });
  }
  if (step.waitsFor === 0 && compiled.phase === run.phase) {
    reasons.push(...tooFew(schedule, run, compiled));
  }
  return reasons;
}

/** Instances that others of the same step go before. */
function turnOf({ instances, released }: Step, { concurrentMax }: CompiledStep): Reason[] {
  const left = instances.length - released;
  if (left === 0) return [];
  const text = `${left} of ${instances.length} instances wait for their turn: max_concurrent is ${concurrentMax}`;
  return [{ code: "max-concurrent", text }];
}

function tooFew(schedule: Schedule, run: Run, compiled: CompiledStep): Reason[] {
  const { nodes } = compiled.definition;
  const placement = placementOf(compiled, run);
  if (placement === null || nodes === undefined) return [];
  if (plannedNodes(schedule, run, compiled) !== null) return [];
  const specimen = () => ({ step: compiled, run });
  const fit = candidatesFor(schedule.fleet, placement, specimen).names;
  const there = fit.filter((name) => schedule.runs.room.offered.has(name)).length;
  const wanted = nodes.count === "all" ? "as many as must succeed" : String(nodes.count);
  const text = `needs ${wanted} nodes; ${fit.length} fit, and ${there} of those may be given work`;
  return [{ code: "too-few-nodes", text }];
}
