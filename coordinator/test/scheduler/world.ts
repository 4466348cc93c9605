import { Facts, type Finished, type NodeEvent } from "@cohort/proto/gen/cohort/node";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { createCheckpointSigner } from "../../src/ledger/ledger.ts";
import type { EventLog } from "../../src/log/log.ts";
import { openMemoryLog } from "../../src/log/memory.ts";
import { decideReports, type Report } from "../../src/scheduler/decide-reports.ts";
import { decideStart } from "../../src/scheduler/decide-start.ts";
import type { Run } from "../../src/scheduler/runs.ts";
import { decideTick } from "../../src/scheduler/scheduler.ts";
import type { Event, Recorded } from "../../src/state/event.ts";
import { applyEvent, emptyState, type State } from "../../src/state/state.ts";
import { createWriter } from "../../src/state/writer.ts";
import { checkSources } from "../../src/workflow/workflow.ts";

type History = readonly Recorded[];

/**
 * A mesh in memory: the real state, writer and scheduler, a clock that a test moves. `before`: what
 * was recorded before a restart; ids of runs go on from there.
 */
export function createWorld(
  workflow: string,
  log: EventLog = memoryLog(),
  before: History = [],
  endedPartsMax?: number,
) {
  const recorded: Recorded[] = [...before];
  const listeners: ((events: readonly Recorded[]) => void)[] = [];
  let nowMs = before.at(-1)?.atMs ?? 1_000_000;
  let runs = before.length;
  const state: State = emptyState(endedPartsMax);
  for (const event of before) applyEvent(state, event);
  const writer = createWriter({
    log,
    state,
    now: () => nowMs,
    listen(events) {
      recorded.push(...events);
      for (const listener of listeners) listener(events);
    },
    onFailure: (error) => {
      throw error;
    },
  });
  const starts = { newId: () => `run${++runs}`, history: log.history };
  const record = (...events: Event[]) => writer.decide(() => ({ events, value: undefined }));
  return {
    log,
    newId: starts.newId,
    state,
    writer,
    recorded,
    record,
    listen: (listener: (events: readonly Recorded[]) => void) => void listeners.push(listener),
    async apply(text = workflow) {
      const { resources, problems } = checkSources([{ path: "test.yaml", text }], () => true);
      if (problems.length > 0) throw new Error(JSON.stringify(problems));
      const stored = resources.map(({ kind, definition }) => {
        const definitionJson = canonicalJson(definition);
        return {
          kind,
          name: definition.name,
          version: `${definition.name}-${definitionJson.length}`,
          definitionJson,
        };
      });
      await record({ $case: "resourcesApplied", value: { actor: "test", resources: stored } });
    },
    async addNode(
      node: string,
      labels: Record<string, string> = {},
      slots = 4,
      told: Partial<Facts> = {},
    ) {
      const facts = Facts.fromPartial({ arch: "x86_64", isolation: "standard", slots, ...told });
      const key = new Uint8Array(32).fill(node.length);
      const invited = {
        actor: "test",
        invite: node,
        secretHash: key,
        node,
        labels,
        expiresMs: nowMs,
      };
      const enrolled = { invite: node, node, natsKey: key, signKey: key, boxKey: key, facts };
      await record(
        { $case: "nodeInvited", value: invited },
        { $case: "nodeEnrolled", value: enrolled },
        { $case: "nodeConnected", value: { node, facts } },
      );
    },
    start(name: string, idempotencyKey = "", inputs: Record<string, unknown> = {}) {
      const run = `run${++runs}`;
      const request = {
        run,
        workflow: name,
        trigger: "operator" as const,
        actor: "test",
        inputs,
        event: null,
      };
      return writer.decide((it) => decideStart(it, { ...request, idempotencyKey }, log.history));
    },
    /** Moves the clock, backwards too, without a tick. */
    setClock(ms: number) {
      nowMs = ms;
    },
    pass(ms: number) {
      nowMs += ms;
      return writer.decide((it, now) => ({
        events: decideTick(it, now, starts),
        value: undefined,
      }));
    },
    /** Attempts that wait for their node, as "step[instance]#attempt@node". */
    open(): string[] {
      return [...state.runs.onNode.values()]
        .flatMap((instances) => [...instances])
        .map((it) => `${it.step}[${it.instance}]#${it.attempt}@${it.node}`)
        .sort();
    },
    async finish(run: string, step: string, result: Partial<Finished> = {}, instance = 0) {
      const at = state.runs.byId.get(run)?.steps.get(step)?.instances[instance];
      if (at === undefined) throw new Error(`no instance ${step}[${instance}]`);
      const attempt = { run, step, instance, attempt: at.attempt };
      const full = {
        outcome: "succeeded",
        code: "",
        exit: 0,
        message: "",
        outputJson: "",
        usage: undefined,
      };
      const value = { ...full, ...result };
      const event = { seq: 1, atMs: nowMs, attempt, event: { $case: "finished" as const, value } };
      await writer.decide((it) => decideReports(it, [{ kind: "accepted", attempt }]));
      await writer.decide((it) => decideReports(it, reportsOf(at.node, [event])));
    },
    runOf(run: string): Run {
      const found = state.runs.byId.get(run);
      if (found === undefined) throw new Error(`no run ${run}`);
      return found;
    },
    stateOf: (run: string) =>
      Object.fromEntries(
        [...(state.runs.byId.get(run)?.steps.values() ?? [])].map((it) => [it.step, it.state]),
      ),
  };
}

/** A world in which the workflow is applied and the nodes, by name with their labels, are there. */
export async function worldWith(
  workflow: string,
  nodes: Record<string, Record<string, string>> = { "node-a": {} },
) {
  const world = createWorld(workflow);
  await world.apply();
  for (const [name, labels] of Object.entries(nodes)) await world.addNode(name, labels);
  return world;
}

/** What a node's journal says, as reports. */
export function reportsOf(node: string, events: readonly NodeEvent[]): Report[] {
  return events.map((event) => ({ kind: "event", node, event }));
}

function memoryLog(): EventLog {
  return openMemoryLog({ signer: createCheckpointSigner(new Uint8Array(32), "test") });
}
