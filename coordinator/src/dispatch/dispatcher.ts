import type { ErrorCode } from "@cohort/proto/errors";
import { ExpressionError } from "@cohort/proto/expression";
import type { NodeDrained } from "@cohort/proto/gen/cohort/ledger";
import type {
  AttemptKey,
  Cancel,
  Dispatch,
  DispatchReply,
  ProxyReply,
} from "@cohort/proto/gen/cohort/node";
import { CohortError } from "@cohort/proto/problem";
import { attemptId } from "@cohort/proto/proof";
import { workflowAt } from "../catalogue/catalogue.ts";
import type { EnrolledNode } from "../fleet/fleet.ts";
import { formerRun, type RunHistory } from "../history/history.ts";
import { decideAccepted, decideEnded, failure } from "../scheduler/decide-attempt.ts";
import { schedulerLimits } from "../scheduler/limits.ts";
import { findActive, type Instance, keyOf, type Run, type Runs } from "../scheduler/runs.ts";
import { type CallWork, callFor, workFor } from "../scheduler/work.ts";
import type { Recorded } from "../state/event.ts";
import type { Writer } from "../state/writer.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { callResult } from "./call-result.ts";

export interface DispatcherDependencies {
  readonly writer: Writer;
  readonly history: RunHistory;
  readonly mesh: {
    dispatch(node: string, dispatch: Dispatch): Promise<DispatchReply>;
    cancel(node: string, cancel: Cancel): Promise<void>;
  };
  /** A step token for the attempt, signed and sealed to the node. */
  sealToken(node: EnrolledNode, attempt: AttemptKey, services: readonly string[]): Uint8Array;
  /** A call of the coordinator's own, through the proxy. */
  call(attempt: AttemptKey, work: CallWork): Promise<ProxyReply>;
  /** Resolves after the time, or at once when the dispatcher closes. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** A fault that no caller is left to be told of. */
  onFault(error: unknown): void;
}

/**
 * Carries out what the log says: hands scheduled attempts to their nodes, makes the coordinator's own
 * calls, recalls attempts of steps that are over. It decides nothing, and forgets everything when the
 * process ends: `resume` finds in the state what was left to do.
 */
export interface Dispatcher {
  /** Durable events, in order. */
  onEvents(recorded: readonly Recorded[]): void;
  /** After a restart: sends what was never accepted, gives up the calls that were out. */
  resume(): Promise<void>;
  /** The node connected and does not hold these. */
  resend(keys: readonly AttemptKey[]): void;
  close(): void;
}

export function createDispatcher(dependencies: DispatcherDependencies): Dispatcher {
  const { writer, onFault } = dependencies;
  const { runs } = writer.state;
  const closing = new AbortController();
  /** Attempts that have a sender; a second one would only double the messages. */
  const sending = new Set<string>();

  const start = (key: AttemptKey) => {
    const id = attemptId(key);
    if (sending.has(id) || closing.signal.aborted) return;
    sending.add(id);
    carryOut(dependencies, key, closing.signal).then(
      () => {
        sending.delete(id);
        // The node may have come back just when its sender gave up.
        if (awaitsNode(writer, key)) start(key);
      },
      (error: unknown) => {
        sending.delete(id);
        onFault(error);
      },
    );
  };

  return {
    onEvents(recorded) {
      for (const { event } of recorded) {
        if (event.$case === "attemptScheduled" && event.value.attempt !== undefined)
          start(event.value.attempt);
        if (event.$case === "stepEnded") recall(dependencies, event.value.run, event.value.step);
        if (event.$case === "nodeDrained") recallAll(dependencies, event.value);
        // A heartbeat alone brings a node back too, without a hello that would ask for its work.
        if (event.$case === "nodeConnected") scheduledOn(runs, event.value.node).forEach(start);
      }
    },
    async resume() {
      for (const node of runs.onNode.keys()) scheduledOn(runs, node).forEach(start);
      for (const instance of callsOut(writer)) {
        const result = failure("CALL_UNCERTAIN", "the coordinator stopped while the call was out");
        await writer.decide((state) => decideEnded(state.runs, keyOf(instance), result));
      }
    },
    resend: (keys) => keys.forEach(start),
    close: () => closing.abort(),
  };
}

async function carryOut(
  dependencies: DispatcherDependencies,
  key: AttemptKey,
  signal: AbortSignal,
): Promise<void> {
  const { writer } = dependencies;
  const { catalogue, fleet, runs } = writer.state;
  const instance = findActive(runs, key);
  if (instance === null) return;
  const run = runs.byId.get(key.run) as Run;
  const step = workflowAt(catalogue, run.version).steps.get(key.step) as CompiledStep;
  // Time alone ends it, or a person does.
  if (step.kind === "sleep" || step.kind === "approve") return;
  try {
    if (step.kind === "call") return await callUpstream(dependencies, run, step, instance);
    const node = fleet.nodes.get(instance.node) as EnrolledNode;
    await handOver(dependencies, run, step, instance, node, signal);
  } catch (error) {
    const code = faultOfWork(error);
    if (code === null) throw error;
    const result = failure(code, (error as Error).message);
    await writer.decide((state) => decideEnded(state.runs, key, result));
  }
}

/** Why an attempt cannot be told what to do; null for a fault that is not the step's. */
function faultOfWork(error: unknown): ErrorCode | null {
  if (error instanceof ExpressionError) return "EXPRESSION_INVALID";
  if (!(error instanceof CohortError)) return null;
  const own: readonly ErrorCode[] = ["ARTIFACT_UNKNOWN", "ARTIFACT_TOO_LARGE", "LIMIT_EXCEEDED"];
  return own.includes(error.code) ? error.code : null;
}

async function callUpstream(
  { writer, call }: DispatcherDependencies,
  run: Run,
  step: CompiledStep,
  instance: Instance,
): Promise<void> {
  const key = keyOf(instance);
  const result = callResult(await call(key, callFor(run, step, instance)));
  await writer.decide((state) => decideEnded(state.runs, key, result));
}

/** Sends the attempt until the node answers, the attempt is over, or the node is gone. */
async function handOver(
  { writer, mesh, sealToken, sleep }: DispatcherDependencies,
  run: Run,
  step: CompiledStep,
  instance: Instance,
  node: EnrolledNode,
  signal: AbortSignal,
): Promise<void> {
  const key = keyOf(instance);
  const work = workFor(run, step, instance, node, writer.state.artifacts);
  while (awaitsNode(writer, key) && !signal.aborted) {
    const { services } = step.definition.grants;
    const sealedToken = services.length === 0 ? new Uint8Array() : sealToken(node, key, services);
    const { problems } = await mesh.dispatch(node.node, { ...work, sealedToken });
    const [problem] = problems;
    if (problem === undefined) {
      await writer.decide((state) => decideAccepted(state.runs, key));
      return;
    }
    if (problem.code !== "UNREACHABLE") {
      const result = failure(problem.code, problem.message);
      await writer.decide((state) => decideEnded(state.runs, key, result));
      return;
    }
    await sleep(schedulerLimits.dispatchRepeatMs, signal);
  }
}

/** Whether the attempt is still to be handed to its node, and the node is there. */
function awaitsNode({ state }: Writer, key: AttemptKey): boolean {
  const instance = findActive(state.runs, key);
  if (instance?.state !== "scheduled") return false;
  return state.fleet.nodes.get(instance.node)?.state === "connected";
}

/** Attempts of the node that it has not accepted; none for the coordinator, which accepts nothing. */
function scheduledOn(runs: Runs, node: string): AttemptKey[] {
  if (node === "") return [];
  const instances = [...(runs.onNode.get(node) ?? [])];
  return instances.filter((it) => it.state === "scheduled").map(keyOf);
}

function callsOut({ state: { catalogue, runs } }: Writer): Instance[] {
  return [...(runs.onNode.get("") ?? [])].filter(({ run, step }) => {
    const { version } = runs.byId.get(run) as Run;
    return workflowAt(catalogue, version).steps.get(step)?.kind === "call";
  });
}

/** The time of a drain is over: the node is to end what it still ran. */
function recallAll(
  { mesh, onFault }: DispatcherDependencies,
  { node, recalled }: NodeDrained,
): void {
  for (const attempt of recalled) mesh.cancel(node, { attempt, hard: false }).catch(onFault);
}

/** The step is over: what still ran of it is ended on its node. Unheard recalls reach it at hello. */
function recall(
  { writer, history, mesh, onFault }: DispatcherDependencies,
  run: string,
  step: string,
): void {
  const here = writer.state.runs.byId.get(run) ?? formerRun(history, run);
  for (const { state, node, instance, attempt } of here?.steps.get(step)?.instances ?? []) {
    if (state !== "cancelled" || node === "") continue;
    const key = { run, step, instance, attempt };
    mesh.cancel(node, { attempt: key, hard: here?.endsAltogether === true }).catch(onFault);
  }
}
