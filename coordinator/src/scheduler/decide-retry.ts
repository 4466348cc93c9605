import { refuse } from "@cohort/proto/problem";
import { type ArtifactState, artifactsOf } from "../artifacts/artifacts.ts";
import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { Decision } from "../state/decision.ts";
import type { CompiledStep, CompiledWorkflow } from "../workflow/compile.ts";
import { suggest } from "../workflow/nearest.ts";
import { begin, type Started, type StartedRuns, startedBefore } from "./decide-start.ts";
import { type FormerRun, type FormerStep, takeArtifacts, takeOver } from "./former-run.ts";
import { endsWell } from "./outcome.ts";
import type { Runs } from "./runs.ts";

/** The part of the state that a retry is decided against. */
export interface Retryable {
  readonly catalogue: Catalogue;
  readonly runs: Runs;
  readonly artifacts: ArtifactState;
}

export interface RetryRequest {
  /** ULID for the run, used when it is new. */
  readonly run: string;
  /** Step to begin with; "" for whatever did not end well. */
  readonly from: string;
  readonly actor: string;
  /** "" for none. */
  readonly idempotencyKey: string;
}

/**
 * A new run of the same version, with the same inputs and event, that does part of the former one
 * again: what did not end well, or the step that is named, and all that depends on it. The other
 * steps are taken over as they ended, with their outputs; `on_failure` and `finally` belong to each
 * run anew. Throws RUN_NOT_ENDED, RUN_SUCCEEDED, STEP_UNKNOWN, STEP_BLOCKED, RETRY_INCOMPLETE, USAGE,
 * LIMIT_EXCEEDED.
 */
export function decideRetry(
  { catalogue, runs, artifacts }: Retryable,
  former: FormerRun,
  { run, from, actor, idempotencyKey }: RetryRequest,
  history: StartedRuns,
): Decision<Started> {
  const before = startedBefore(runs, idempotencyKey, history);
  if (before !== null) return before;
  if (former.state === "running" || former.state === "queued") {
    throw refuse("RUN_NOT_ENDED", `run ${former.run} goes on`, {
      hint: `\`cohort cancel ${former.run}\` ends it.`,
    });
  }
  const workflow = workflowAt(catalogue, former.version);
  const again = withDependents(
    workflow,
    from === "" ? unsuccessful(former, workflow) : [named(former, workflow, from)],
  );
  const taken = former.steps.filter(
    ({ step }) => workflow.steps.get(step)?.phase === "steps" && !again.has(step),
  );
  const left = artifactsOf(artifacts, former.run);
  const { workflow: name, version, inputsJson, eventJson } = former;
  const start = { run, workflow: name, version, trigger: "operator", actor, inputsJson, eventJson };
  return begin(
    { catalogue, runs },
    {
      ...start,
      parent: undefined,
      depth: 0,
      idempotencyKey,
      triggerKey: "",
      retryOf: former.run,
      rerunOf: "",
    },
    [
      ...taken.flatMap((step) => takeOver(run, step)),
      ...takeArtifacts(run, new Set(taken.map(({ step }) => step)), left),
    ],
  );
}

/** Steps that failed, were cut off, or never came to begin because the run was stopped. */
function unsuccessful(former: FormerRun, workflow: CompiledWorkflow): string[] {
  if (former.state === "succeeded") {
    throw refuse("RUN_SUCCEEDED", `run ${former.run} succeeded: nothing of it failed`, {
      hint: "Name the step to begin with: --from STEP. `cohort rerun` does all of it again.",
    });
  }
  return former.steps
    .filter((it) => !hasItsEnd(former, it, workflow.steps.get(it.step) as CompiledStep))
    .map(({ step }) => step);
}

/** What was skipped for a failure depends on what failed, and needs no look of its own. */
function hasItsEnd(former: FormerRun, step: FormerStep, compiled: CompiledStep): boolean {
  if (endsForStop(former, step)) return false;
  return step.state === "skipped" || endsWell(step, compiled);
}

/** A stop gives its reason to the run and to all that it ends. */
function endsForStop(former: FormerRun, { state, reason, skippedBy }: FormerStep): boolean {
  return state !== "succeeded" && skippedBy === "" && reason === former.reason;
}

/** Throws STEP_UNKNOWN, STEP_BLOCKED, USAGE. */
function named(former: FormerRun, workflow: CompiledWorkflow, from: string): string {
  const compiled = workflow.steps.get(from);
  if (compiled === undefined) throw unknownStep(former.workflow, from, workflow);
  if (compiled.phase !== "steps") {
    throw refuse("USAGE", `step ${from} is one of ${compiled.phase}, which each run does anew`, {
      hint: "Name one of `steps`.",
    });
  }
  const { steps: depends, condition } = compiled.dependencies;
  const blocker = former.steps.find(
    (it) => depends.includes(it.step) && !endsWell(it, workflow.steps.get(it.step) as CompiledStep),
  );
  if (condition !== null || blocker === undefined) return from;
  const message = `step ${from} depends on ${blocker.step}, which ${blocker.state}`;
  throw refuse("STEP_BLOCKED", message, {
    hint: `Begin with what did not end well: --from ${blocker.step}, or without --from.`,
  });
}

export function unknownStep(name: string, step: string, workflow: CompiledWorkflow): Error {
  return refuse("STEP_UNKNOWN", `workflow ${name} has no step "${step}"`, {
    hint: suggest(step, [...workflow.steps.keys()]),
  });
}

function withDependents({ dependents }: CompiledWorkflow, first: readonly string[]): Set<string> {
  const all = new Set(first);
  for (const step of all) for (const next of dependents.get(step) ?? []) all.add(next);
  return all;
}
