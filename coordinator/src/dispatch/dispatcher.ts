import type { NodeDrained } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey, Cancel } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import type { StepKind } from "@cohort/proto/resources/workflow";
import { workflowAt } from "../catalogue/catalogue.ts";
import { formerRun, type RunHistory } from "../history/history.ts";
import type { WholeReply } from "../proxy/answer.ts";
import { decideEnded, failure } from "../scheduler/decide-attempt.ts";
import { decideStartChild } from "../scheduler/decide-child.ts";
import { findActive, type Instance, keyOf, type Run, type Runs } from "../scheduler/runs.ts";
import { type CallWork, callFor } from "../scheduler/work.ts";
import type { Recorded } from "../state/event.ts";
import type { Writer } from "../state/writer.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { callResult } from "./call-result.ts";
import { awaitsNode, faultOfWork, type HandOverDependencies, handOver } from "./hand-over.ts";

export interface DispatcherDependencies extends HandOverDependencies {
  readonly history: RunHistory;
  /** A ULID that was never given before, for the run of a sub-workflow. */
  newId(): string;
  readonly mesh: HandOverDependencies["mesh"] & {
    cancel(node: string, cancel: Cancel): Promise<void>;
  };
  /** A call of the coordinator's own, through the proxy. */
  call(attempt: AttemptKey, work: CallWork): Promise<WholeReply>;
  /** A fault that no caller is left to be told of. */
  onFault(error: unknown): void;
}

/**
 * Carries out what the log says: hands scheduled attempts to their nodes, makes the coordinator's own
 * calls, starts the runs of sub-workflows, recalls attempts of steps that are over. It decides nothing, and forgets everything when the
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
  /** By node, what one commit scheduled there: it goes out as one. */
  let gathered = new Map<string, AttemptKey[]>();

  const start = (key: AttemptKey) => {
    const id = attemptId(key);
    const instance = findActive(runs, key);
    if (instance === null || sending.has(id) || closing.signal.aborted) return;
    sending.add(id);
    if (instance.node === "") return finish([key], performOwn(dependencies, key));
    // A tick comes when every part of the commit has been told of.
    if (gathered.size === 0) process.nextTick(sendGathered);
    const there = gathered.get(instance.node);
    if (there === undefined) gathered.set(instance.node, [key]);
    else there.push(key);
  };
  /** The state may be ahead of the disk by then, and what is not there must not leave. */
  const sendScheduled = async (node: string) => {
    for (const key of await writer.read(() => scheduledOn(runs, node))) start(key);
  };
  const sendGathered = () => {
    const nodes = gathered;
    gathered = new Map();
    for (const [node, keys] of nodes) {
      finish(keys, handOver(dependencies, node, keys, closing.signal));
    }
  };
  const finish = (keys: readonly AttemptKey[], work: Promise<void>) => {
    work.then(
      () => {
        for (const key of keys) sending.delete(attemptId(key));
        // The node may have come back just when its sender gave up.
        for (const key of keys) if (awaitsNode(writer, key)) start(key);
      },
      (error: unknown) => {
        for (const key of keys) sending.delete(attemptId(key));
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
        if (event.$case === "nodeConnected") sendScheduled(event.value.node).catch(onFault);
      }
    },
    async resume() {
      await Promise.all([...runs.onNode.keys()].map(sendScheduled));
      for (const instance of ownOut(writer, "workflow")) start(keyOf(instance));
      for (const instance of ownOut(writer, "call")) {
        const result = failure("CALL_UNCERTAIN", "the coordinator stopped while the call was out");
        await writer.decide((state) => decideEnded(state.runs, keyOf(instance), result));
      }
    },
    resend(keys) {
      dependencies.reports.doubt(keys);
      keys.forEach(start);
    },
    close: () => closing.abort(),
  };
}

/** Work of the coordinator's own: a call, or a run of a sub-workflow. */
async function performOwn(dependencies: DispatcherDependencies, key: AttemptKey): Promise<void> {
  const { writer } = dependencies;
  const { catalogue, runs } = writer.state;
  const instance = findActive(runs, key);
  if (instance === null) return;
  const run = runs.byId.get(key.run) as Run;
  const step = workflowAt(catalogue, run.version).steps.get(key.step) as CompiledStep;
  if (step.kind === "workflow") {
    return writer.decide((state) => decideStartChild(state, key, dependencies));
  }
  // Time ends it, a person or a gateway; nobody is to be sent anything from here.
  if (step.kind !== "call") return;
  try {
    await callUpstream(dependencies, run, step, instance);
  } catch (error) {
    const code = faultOfWork(error);
    if (code === null) throw error;
    const result = failure(code, (error as Error).message);
    await writer.decide((state) => decideEnded(state.runs, key, result));
  }
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

/** Attempts of the node that it has not accepted; none for the coordinator, which accepts nothing. */
function scheduledOn(runs: Runs, node: string): AttemptKey[] {
  if (node === "") return [];
  const instances = [...(runs.onNode.get(node) ?? [])];
  return instances.filter((it) => it.state === "scheduled").map(keyOf);
}

function ownOut({ state: { catalogue, runs } }: Writer, kind: StepKind): Instance[] {
  return [...(runs.onNode.get("") ?? [])].filter(({ run, step }) => {
    const { version } = runs.byId.get(run) as Run;
    return workflowAt(catalogue, version).steps.get(step)?.kind === kind;
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
