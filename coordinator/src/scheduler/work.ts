import type { Variables } from "@cohort/proto/expression";
import type { DeviceGrant, Dispatch, Limits, OutputSource } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import { instanceId } from "@cohort/proto/proof";
import { agentSource } from "../agents/agent-source.ts";
import { agentTask, servicesFor } from "../agents/agent-work.ts";
import type { ArtifactState } from "../artifacts/artifacts.ts";
import { downloadsFor } from "../artifacts/wanted.ts";
import type { FleetNode } from "../fleet/fleet.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { cacheKey } from "./cache.ts";
import { deviceFault } from "./device-fault.ts";
import { type Instance, keyOf, type Run } from "./runs.ts";
import { attemptVariables } from "./variables.ts";

/**
 * What an attempt is told to do, with its expressions evaluated. Throws ExpressionError when one has
 * no value, and CohortError when an artifact is not to be had; then the step fails.
 */
export function workFor(
  run: Run,
  step: CompiledStep,
  instance: Instance,
  node: FleetNode,
  artifacts: ArtifactState,
): Omit<Dispatch, "sealedToken"> {
  const { definition } = step;
  const variables = attemptVariables(run, step, instance, node);
  cacheKey(step, variables);
  const environment = Object.entries(
    step.environment.evaluate(variables) as Record<string, unknown>,
  );
  return {
    attempt: keyOf(instance),
    workflow: run.workflow,
    work: workOf(step, variables),
    environment: Object.fromEntries(environment.map(([name, value]) => [name, asText(value)])),
    inputsJson: run.inputsJson,
    withJson: JSON.stringify(givenTo(run, step, variables)),
    limits: limitsOf(step),
    timeoutMs: definition.timeout,
    services: servicesFor(run.agents, step).map((service) => ({ service })),
    output: outputSourceOf(step),
    uploads: definition.artifacts?.upload ?? [],
    downloads: downloadsFor(artifacts, run, step, variables),
    devices: devicesFor(run, step, node),
  };
}

/** What the dispatch lets the node do for the attempt, and nothing else. Throws GRANT_MISSING. */
function devicesFor(run: Run, step: CompiledStep, node: FleetNode): DeviceGrant[] {
  if (step.devices.length === 0) return [];
  if (node.state === "invited") throw new Error("work is for nodes that have enrolled");
  const fault = deviceFault(node, step, run);
  if (fault !== null) {
    throw refuse("GRANT_MISSING", `${node.node} may not give ${fault.wanted}: ${fault.has}`);
  }
  return step.devices.map(({ device, actuates }) => {
    const lines = [...(node.devices.get(device)?.lines ?? [])];
    return { device, access: actuates ? "actuate" : "read", lines };
  });
}

export interface CallWork {
  readonly service: string;
  readonly method: string;
  readonly path: string;
  /** undefined: no body. */
  readonly json: unknown;
  /** The same for every attempt of the instance, so that the service can drop a repetition. */
  readonly idempotencyKey: string;
}

/** The same for a `call` step. */
export function callFor(run: Run, step: CompiledStep, instance: Instance): CallWork {
  const call = step.definition.call as NonNullable<typeof step.definition.call>;
  const variables = attemptVariables(run, step, instance, null);
  cacheKey(step, variables);
  return {
    service: call.service,
    method: call.method,
    path: asText(step.callPath.evaluate(variables)),
    json: step.callJson?.evaluate(variables),
    idempotencyKey: instanceId(instance),
  };
}

function workOf(step: CompiledStep, variables: Variables): NonNullable<Dispatch["work"]> {
  const { definition, kind } = step;
  switch (kind) {
    case "run":
      return {
        $case: "run",
        value: { shell: definition.shell ?? "sh", script: definition.run as string },
      };
    case "command": {
      const argv = step.command.evaluate(variables) as unknown[];
      return { $case: "command", value: { argv: argv.map(asText) } };
    }
    case "script":
      return { $case: "script", value: { source: definition.script as string } };
    case "agent":
      return { $case: "script", value: { source: agentSource } };
    case "call":
    case "sleep":
    case "approve":
    case "publish":
    case "workflow":
      throw new Error(`a ${kind} step is the coordinator's own work`);
  }
}

function givenTo({ agents }: Run, step: CompiledStep, variables: Variables): unknown {
  return step.kind === "agent" ? agentTask(agents, step, variables) : step.with.evaluate(variables);
}

function outputSourceOf({ definition: { outputs } }: CompiledStep): OutputSource | undefined {
  if (outputs === undefined) return undefined;
  const { from, path = "" } = outputs;
  return { stdout: from === "stdout", path, required: path !== "" };
}

function limitsOf({ definition: { limits } }: CompiledStep): Limits {
  return {
    memoryBytes: limits.memory,
    pids: limits.pids,
    diskBytes: limits.disk,
    outputBytes: limits.output,
    cpuMs: limits.cpu ?? 0,
    openFiles: limits.open_files,
  };
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
