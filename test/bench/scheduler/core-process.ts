import { createReportDesk } from "@cohort/coordinator/src/dispatch/report-desk.ts";
import { createCheckpointSigner } from "@cohort/coordinator/src/ledger/ledger.ts";
import { createMemoryDisk, openMemoryLog } from "@cohort/coordinator/src/log/memory.ts";
import { createTurnEnd } from "@cohort/coordinator/src/log/turn.ts";
import { decideStart } from "@cohort/coordinator/src/scheduler/decide-start.ts";
import type { Event } from "@cohort/coordinator/src/state/event.ts";
import { emptyState } from "@cohort/coordinator/src/state/state.ts";
import { createWriter } from "@cohort/coordinator/src/state/writer.ts";
import { checkSources } from "@cohort/coordinator/src/workflow/workflow.ts";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { Facts } from "@cohort/proto/gen/cohort/node";
import { usageOf } from "./processes.ts";
import { chain } from "./workflows.ts";

/**
 * The writer and the scheduler alone, over a log in memory: processor time a step while `queued`
 * steps wait for 1,000 nodes that are all busy. Prints { cpuUs, residentMb } as JSON.
 */
const queued = Number(process.argv[2]);
const nodes = 1_000;
const slots = 2;
const measured = 10_000;
const atOnce = 32;

const state = emptyState();
const open: AttemptKey[] = [];
const nodeOf = new Map<string, string>();
const disk = createMemoryDisk();
const leafHash = new Uint8Array(0);
const written = { json: "", leafHash, checkpoint: "", droppedBy: 0, remainderHash: null };
const signer = createCheckpointSigner(new Uint8Array(32), "bench");
const turn = createTurnEnd();
const log = openMemoryLog({ signer, disk, schedule: turn.commit });
const writer = createWriter({
  log,
  state,
  now: Date.now,
  listen(recorded) {
    for (const { seq, event } of recorded) {
      // What is durable stands on a disk, not in memory.
      disk.leaves[seq - 1] = written;
      if (event.$case !== "attemptScheduled" || event.value.attempt === undefined) continue;
      open.push(event.value.attempt);
      nodeOf.set(event.value.attempt.run, event.value.node);
    }
  },
  onFailure: (error) => {
    throw error;
  },
});

const reports = createReportDesk({
  writer,
  gather: turn.gather,
  sleep: () => new Promise(() => {}),
  signal: new AbortController().signal,
});

await record(applied());
for (let at = 0; at < nodes; at++) await record(...connected(`node-${at}`));
const outstanding = nodes * slots + queued;
let started = 0;
await startRuns(outstanding);
await finishSteps(measured / 10);
global.gc?.();
const before = process.cpuUsage();
await finishSteps(measured);
const { user, system } = process.cpuUsage(before);
const { residentMb } = usageOf(process.pid);
process.stdout.write(JSON.stringify({ cpuUs: (user + system) / measured, residentMb }));

/** Ends as many steps; a run that is over makes room for the next, so that the queue stays. */
async function finishSteps(steps: number): Promise<void> {
  for (let done = 0; done < steps; done += atOnce) {
    const batch = open.splice(0, atOnce);
    await Promise.all(batch.map(finish));
    await startRuns(outstanding - state.runs.active.size);
  }
}

async function finish(attempt: AttemptKey): Promise<void> {
  const node = nodeOf.get(attempt.run) as string;
  const result = {
    outcome: "succeeded",
    code: "",
    exit: 0,
    message: "",
    outputJson: "",
    usage: { cpuMs: 1, memoryPeakBytes: 1, wallMs: 1, bytesIn: 0, bytesOut: 0, deviceReads: [] },
  };
  const said = { atMs: Date.now(), attempt };
  const started = { ...said, seq: 1, event: { $case: "started", value: {} } } as const;
  const finished = { ...said, seq: 2, event: { $case: "finished", value: result } } as const;
  const accepted = reports.hand([{ kind: "accepted", attempt }]);
  const ended = reports.hand([
    { kind: "event", node, event: started },
    { kind: "event", node, event: finished },
  ]);
  await Promise.all([accepted, ended]);
}

async function startRuns(count: number): Promise<void> {
  const starting: Promise<unknown>[] = [];
  for (let at = 0; at < count; at++) {
    const run = `01K${String(started++).padStart(23, "0")}`;
    const request = { run, workflow: "chain", trigger: "operator" as const, actor: "bench" };
    const rest = { inputs: {}, event: null, idempotencyKey: "" };
    starting.push(writer.decide((it) => decideStart(it, { ...request, ...rest }, log.history)));
  }
  await Promise.all(starting);
}

function record(...events: Event[]): Promise<void> {
  return writer.decide(() => ({ events, value: undefined }));
}

function applied(): Event {
  const { resources } = checkSources([{ path: "chain.yaml", text: chain }], () => true);
  const stored = resources.map(({ kind, definition }) => ({
    kind,
    name: definition.name,
    version: "1",
    definitionJson: JSON.stringify(definition),
  }));
  return { $case: "resourcesApplied", value: { actor: "bench", resources: stored } };
}

function connected(node: string): Event[] {
  const facts = Facts.fromPartial({ arch: "x86_64", isolation: "strict", slots });
  const key = new Uint8Array(32);
  const keys = { natsKey: key, signKey: key, boxKey: key };
  const invited = { actor: "bench", invite: node, secretHash: key, node, labels: {}, expiresMs: 0 };
  return [
    { $case: "nodeInvited", value: invited },
    { $case: "nodeEnrolled", value: { invite: node, node, ...keys, facts } },
    { $case: "nodeConnected", value: { node, facts } },
  ];
}
