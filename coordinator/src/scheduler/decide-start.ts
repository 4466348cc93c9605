import { ExpressionError } from "@cohort/proto/expression";
import type { RunStarted } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { parseJson } from "@cohort/proto/json";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import type { Workflow } from "@cohort/proto/resources/workflow";
import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { RunHistory } from "../history/history.ts";
import { type Decision, nothing } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import type { CompiledWorkflow } from "../workflow/compile.ts";
import { suggest } from "../workflow/nearest.ts";
import { type Claim, isFull } from "./groups.ts";
import { schedulerLimits } from "./limits.ts";
import type { Runs } from "./runs.ts";
import { runOfKey } from "./trigger-keys.ts";

export interface StartRequest {
  /** ULID for the run, used when it is new. */
  readonly run: string;
  readonly workflow: string;
  readonly trigger: "operator" | "mqtt" | "webhook" | "schedule" | "workflow";
  readonly actor: string;
  /** Inputs that were given, by name. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The event that starts it; null for an operator. */
  readonly event: unknown;
  /** "" for none. */
  readonly idempotencyKey: string;
  /** Until the run ends, no other event of the workflow with this key starts one; left out for none. */
  readonly triggerKey?: string;
  /** The attempt whose sub-workflow this is, and how deep it lies; left out for none. */
  readonly parent?: { readonly key: AttemptKey; readonly depth: number };
}

export interface Started {
  readonly run: string;
  /** The idempotency key was seen before, or a run has the trigger key; nothing was started. */
  readonly existing: boolean;
}

/** Where runs are found that have left memory, by the key that they started with. */
export type StartedRuns = Pick<RunHistory, "startedWith">;

/** What it takes to start a run, beside the state. */
export interface Starts {
  /** A ULID that was never given before. */
  readonly newId: () => string;
  readonly history: StartedRuns;
}

/** Throws WORKFLOW_UNKNOWN, INPUT_INVALID, LIMIT_EXCEEDED, GROUP_QUEUE_FULL, GROUP_DEADLOCK. */
export function decideStart(
  { catalogue, runs }: { catalogue: Catalogue; runs: Runs },
  request: StartRequest,
  history: StartedRuns,
): Decision<Started> {
  const before = startedBefore(runs, request.idempotencyKey, history);
  if (before !== null) return before;
  const { run, workflow, trigger, actor, event, idempotencyKey, triggerKey = "" } = request;
  const holder = runOfKey(runs, workflow, triggerKey);
  if (holder !== null) return nothing({ run: holder, existing: true });
  const version = newestVersion(catalogue, workflow);
  const inputsJson = inputsFor(catalogue, version, request);
  const eventJson = event === null ? "" : JSON.stringify(event);
  const start = { run, workflow, version, trigger, actor, inputsJson, eventJson, idempotencyKey };
  const { key: parent, depth = 0 } = request.parent ?? {};
  const origin = { parent, depth, retryOf: "", rerunOf: "", triggerKey };
  return begin({ catalogue, runs }, { ...start, ...origin }, []);
}

/** Every run begins here; `taken`: steps that are over before it does. Throws GROUP_QUEUE_FULL. */
export function begin(
  { catalogue, runs }: { readonly catalogue: Catalogue; readonly runs: Runs },
  start: Omit<RunStarted, "group" | "groupMax" | "overflow">,
  taken: readonly Event[],
): Decision<Started> {
  const inputs = JSON.parse(start.inputsJson) as Record<string, unknown>;
  const event: unknown = start.eventJson === "" ? null : JSON.parse(start.eventJson);
  const claim = claimOf(workflowAt(catalogue, start.version), inputs, event);
  checkQueue(runs, claim);
  checkAncestors(runs, claim, start.parent);
  const { group = "", max: groupMax = 0, overflow = "" } = claim ?? {};
  const value = { ...start, group, groupMax, overflow };
  const events: Event[] = [{ $case: "runStarted", value }, ...taken];
  return { events, value: { run: start.run, existing: false } };
}

/** What a request is answered with whose key was used before, else null. Throws LIMIT_EXCEEDED. */
export function startedBefore(
  runs: Runs,
  key: string,
  history: StartedRuns,
): Decision<Started> | null {
  const max = limits.idempotencyKeyLengthMax;
  if (key.length > max) {
    throw refuse("LIMIT_EXCEEDED", `the idempotency key is longer than ${max} characters`);
  }
  const run = startedWith(runs, history, key);
  return run === null ? null : nothing({ run, existing: true });
}

/** Throws WORKFLOW_UNKNOWN. */
export function newestVersion(catalogue: Catalogue, workflow: string): string {
  const resource = catalogue.current.get(`workflow/${workflow}`);
  if (resource !== undefined) return resource.version;
  const workflows = [...catalogue.current.values()].filter((it) => it.kind === "workflow");
  throw refuse("WORKFLOW_UNKNOWN", `no workflow is called "${workflow}"`, {
    hint: suggest(
      workflow,
      workflows.map((it) => it.name),
    ),
  });
}

/** All inputs of a run, as JSON, its defaults among them. Throws INPUT_INVALID, LIMIT_EXCEEDED. */
export function inputsFor(
  catalogue: Catalogue,
  version: string,
  given: Pick<StartRequest, "workflow" | "inputs" | "event">,
): string {
  const inputsJson = JSON.stringify(resolveInputs(catalogue, version, given));
  checkSize(inputsJson);
  return inputsJson;
}

function resolveInputs(
  catalogue: Catalogue,
  version: string,
  request: Pick<StartRequest, "workflow" | "inputs" | "event">,
): Record<string, unknown> {
  const { definition, inputDefaults } = workflowAt(catalogue, version);
  const declared = Object.keys(definition.inputs);
  const unknown = Object.keys(request.inputs).find((name) => !declared.includes(name));
  if (unknown !== undefined) {
    throw refuse("INPUT_INVALID", `workflow ${request.workflow} has no input "${unknown}"`, {
      hint: suggest(unknown, declared),
    });
  }
  return Object.fromEntries(
    Object.entries(definition.inputs).map(([name, input]) => {
      const fallback = inputDefaults.get(name);
      if (!Object.hasOwn(request.inputs, name) && fallback === undefined) {
        throw refuse("INPUT_INVALID", `input "${name}" is missing`, {
          hint: `Give it with -i ${name}=VALUE.`,
        });
      }
      const given = Object.hasOwn(request.inputs, name)
        ? request.inputs[name]
        : evaluateDefault(name, () => fallback?.evaluate({ event: request.event }));
      return [name, checkType(name, input.type, given)];
    }),
  );
}

/** The concurrency group of a run with these inputs, by name. */
function claimOf(
  { concurrency }: CompiledWorkflow,
  inputs: Record<string, unknown>,
  event: unknown,
): Claim | null {
  if (concurrency === null) return null;
  const group = evaluateGroup(() => concurrency.group.evaluate({ inputs, event }));
  if (group.length >= 1 && group.length <= limits.groupLengthMax) return { ...concurrency, group };
  throw refuse(
    "INPUT_INVALID",
    `the name of the concurrency group has ${group.length} characters; it may have 1 to ${limits.groupLengthMax}`,
  );
}

function evaluateGroup(evaluate: () => unknown): string {
  try {
    const value = evaluate();
    return (typeof value === "string" ? value : JSON.stringify(value)).toWellFormed();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const message = `the concurrency group cannot be computed: ${error.message}`;
    throw refuse("INPUT_INVALID", message, {}, error);
  }
}

function checkQueue(runs: Runs, claim: Claim | null): void {
  if (claim?.overflow !== "queue") return;
  const waiting = runs.groups.get(claim.group)?.waiting.size ?? 0;
  if (waiting < schedulerLimits.groupQueueMax) return;
  throw refuse("GROUP_QUEUE_FULL", `${waiting} runs wait for group "${claim.group}" already`, {
    hint: "Wait until some have ended, or cancel those that nobody needs.",
  });
}

/** A place that a run above holds becomes free only when this one has ended. */
function checkAncestors(runs: Runs, claim: Claim | null, parent: AttemptKey | undefined): void {
  if (claim === null || claim.overflow === "skip" || !isFull(runs, claim)) return;
  for (let at = parent; at !== undefined; ) {
    const run = runs.byId.get(at.run);
    if (run?.claim?.group === claim.group) {
      const message = `group "${claim.group}" is held by run ${run.run}, which waits for this one`;
      throw refuse("GROUP_DEADLOCK", message);
    }
    at = run?.parent ?? undefined;
  }
}

/** The run that a request with the key has started before. */
function startedWith(runs: Runs, history: StartedRuns, key: string): string | null {
  return key === "" ? null : (runs.byIdempotencyKey.get(key) ?? history.startedWith(key));
}

function checkSize(inputsJson: string): void {
  const bytes = new TextEncoder().encode(inputsJson).length;
  if (bytes <= limits.inputsBytesMax) return;
  throw refuse(
    "LIMIT_EXCEEDED",
    `the inputs have ${bytes} bytes; they may have ${limits.inputsBytesMax}`,
    { hint: "Give a reference to the data, such as a path or an address, instead." },
  );
}

function evaluateDefault(name: string, evaluate: () => unknown): unknown {
  try {
    return evaluate();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw refuse(
      "INPUT_INVALID",
      `the default of input "${name}" cannot be computed: ${error.message}`,
      {
        hint: `Give it with -i ${name}=VALUE.`,
      },
      error,
    );
  }
}

/** A command line has texts only, so a text that spells a number or a boolean is taken for one. */
function checkType(
  name: string,
  type: Workflow["inputs"][string]["type"],
  given: unknown,
): unknown {
  const spelt = typeof given === "string" && (type === "number" || type === "boolean");
  const value = spelt ? (parseJson(given) ?? given) : given;
  if (type === "json" || typeof value === type) return value;
  throw refuse("INPUT_INVALID", `input "${name}" must be a ${type}, not ${JSON.stringify(given)}`);
}
