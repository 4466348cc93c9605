import type { ErrorCode } from "@cohort/proto/errors";
import { ExpressionError } from "@cohort/proto/expression";
import type { AttemptKey, Dispatch } from "@cohort/proto/gen/cohort/node";
import { CohortError, type Problem } from "@cohort/proto/problem";
import { servicesFor } from "../agents/agent-work.ts";
import { workflowAt } from "../catalogue/catalogue.ts";
import type { EnrolledNode } from "../fleet/fleet.ts";
import { failure } from "../scheduler/decide-attempt.ts";
import type { Report } from "../scheduler/decide-reports.ts";
import { schedulerLimits } from "../scheduler/limits.ts";
import { findActive, type Run } from "../scheduler/runs.ts";
import { workFor } from "../scheduler/work.ts";
import type { Writer } from "../state/writer.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import type { ReportDesk } from "./report-desk.ts";

export interface HandOverDependencies {
  readonly writer: Writer;
  readonly reports: ReportDesk;
  readonly mesh: {
    /** The node's answer to each, in their order; no problems when it has taken the attempt. */
    dispatch(
      node: string,
      dispatches: readonly Dispatch[],
    ): Promise<readonly (readonly Problem[])[]>;
  };
  /** A step token for the attempt, signed and sealed to the node. */
  sealToken(node: EnrolledNode, attempt: AttemptKey, services: readonly string[]): Uint8Array;
  /** Resolves after the time, or at once when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/**
 * Sends attempts to their node, together, until it has answered each, the attempt is over, or the
 * node is gone. What is not answered is sent again, the same attempt.
 */
export async function handOver(
  dependencies: HandOverDependencies,
  name: string,
  keys: readonly AttemptKey[],
  signal: AbortSignal,
): Promise<void> {
  const { writer, reports, mesh, sealToken, sleep } = dependencies;
  const node = writer.state.fleet.nodes.get(name) as EnrolledNode;
  const { assignments, failures } = assignmentsFor(writer, node, keys);
  if (failures.length > 0) await reports.hand(failures);
  let left = assignments;
  for (;;) {
    left = left.filter(({ attempt }) => awaitsNode(writer, attempt));
    if (left.length === 0 || signal.aborted) return;
    const dispatches = left.map(({ attempt, services, work }) => ({
      ...work,
      sealedToken: services.length === 0 ? noToken : sealToken(node, attempt, services),
    }));
    const answers = await mesh.dispatch(name, dispatches);
    const answered = left.map(({ attempt }, at) => reportOf(attempt, answers[at]?.[0]));
    left = left.filter((_, at) => answered[at] === null);
    await reports.hand(answered.filter((report) => report !== null));
    if (left.length > 0) await sleep(schedulerLimits.dispatchRepeatMs, signal);
  }
}

/** Whether the attempt is still to be handed to its node, and the node is there. */
export function awaitsNode({ state }: Writer, key: AttemptKey): boolean {
  const instance = findActive(state.runs, key);
  if (instance?.state !== "scheduled") return false;
  return state.fleet.nodes.get(instance.node)?.state === "connected";
}

/** Why an attempt cannot be told what to do; null for a fault that is not the step's. */
export function faultOfWork(error: unknown): ErrorCode | null {
  if (error instanceof ExpressionError) return "EXPRESSION_INVALID";
  if (!(error instanceof CohortError)) return null;
  return faultsOfSteps.includes(error.code) ? error.code : null;
}

const faultsOfSteps: readonly ErrorCode[] = [
  "ARTIFACT_UNKNOWN",
  "ARTIFACT_TOO_LARGE",
  "LIMIT_EXCEEDED",
  "GRANT_MISSING",
];

interface Assignment {
  readonly attempt: AttemptKey;
  readonly services: readonly string[];
  readonly work: ReturnType<typeof workFor>;
}

const noToken = new Uint8Array();

/** An attempt whose work cannot be told fails. */
function assignmentsFor(
  writer: Writer,
  node: EnrolledNode,
  keys: readonly AttemptKey[],
): { assignments: Assignment[]; failures: Report[] } {
  const { catalogue, runs, artifacts } = writer.state;
  const assignments: Assignment[] = [];
  const failures: Report[] = [];
  for (const attempt of keys) {
    const instance = findActive(runs, attempt);
    if (instance === null) continue;
    const run = runs.byId.get(attempt.run) as Run;
    const step = workflowAt(catalogue, run.version).steps.get(attempt.step) as CompiledStep;
    try {
      const services = servicesFor(run.agents, step);
      assignments.push({ attempt, services, work: workFor(run, step, instance, node, artifacts) });
    } catch (error) {
      const code = faultOfWork(error);
      if (code === null) throw error;
      const result = failure(code, (error as Error).message);
      failures.push({ kind: "refused", attempt, result });
    }
  }
  return { assignments, failures };
}

/** Null when it may not have been heard. */
function reportOf(attempt: AttemptKey, problem: Problem | undefined): Report | null {
  if (problem === undefined) return { kind: "accepted", attempt };
  if (problem.code === "UNREACHABLE") return null;
  return { kind: "refused", attempt, result: failure(problem.code, problem.message) };
}
