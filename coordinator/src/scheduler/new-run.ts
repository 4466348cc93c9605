import type { RunStarted } from "@cohort/proto/gen/cohort/ledger";
import type { Agents } from "../agents/agent-work.ts";
import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { Recorded } from "../state/event.ts";
import type { CompiledWorkflow } from "../workflow/compile.ts";
import type { Claim } from "./groups.ts";
import type { Run, Step } from "./runs.ts";

/** A run as it begins, before its first part has. */
export function newRun(
  value: RunStarted,
  catalogue: Catalogue,
  { seq, atMs }: Pick<Recorded, "seq" | "atMs">,
): Run {
  const workflow = workflowAt(catalogue, value.version);
  return {
    run: value.run,
    workflow: value.workflow,
    version: value.version,
    trigger: value.trigger,
    idempotencyKey: value.idempotencyKey,
    triggerKey: value.triggerKey,
    inputs: JSON.parse(value.inputsJson) as Record<string, unknown>,
    inputsJson: value.inputsJson,
    event: value.eventJson === "" ? null : (JSON.parse(value.eventJson) as unknown),
    agents: agentsOf(workflow, catalogue),
    parent: value.parent ?? null,
    depth: value.depth,
    claim: claimOf(value),
    requestedMs: atMs,
    startedMs: value.group === "" ? atMs : 0,
    startedSeq: seq,
    retryOf: value.retryOf,
    rerunOf: value.rerunOf,
    steps: newSteps(value.run, workflow),
    phase: "steps",
    unended: workflow.phases.steps.length,
    failure: "",
    stopReason: "",
    stopOutcome: null,
    endsAltogether: false,
    state: value.group === "" ? "running" : "queued",
    endedMs: 0,
    dueMs: 0,
    pause: null,
    reason: "",
    outputsJson: "",
  };
}

function claimOf({ group, groupMax: max, overflow }: RunStarted): Claim | null {
  return group === "" ? null : { group, max, overflow: overflow as Claim["overflow"] };
}

const noAgents: Agents = new Map();

function agentsOf({ steps }: CompiledWorkflow, { agents }: Catalogue): Agents {
  const names = [...steps.values()].flatMap(({ definition: { agent } }) => agent ?? []);
  if (names.length === 0) return noAgents;
  return new Map([...agents].filter(([name]) => names.includes(name)));
}

function newSteps(run: string, workflow: CompiledWorkflow): Map<string, Step> {
  return new Map(
    [...workflow.steps].map(([step, { kind, dependencies }]) => [
      step,
      {
        run,
        step,
        kind,
        waitsFor: dependencies.steps.length,
        blocker: "",
        state: "waiting",
        reason: "",
        skippedBy: "",
        taken: false,
        instances: [],
        released: 0,
        failures: 0,
        unended: 0,
      },
    ]),
  );
}
