import { watch } from "node:fs";
import { join } from "node:path";
import type { TestMesh } from "../../kit/mesh.ts";
import { dataOf } from "../../kit/mesh-place.ts";
import type { Agents } from "./agents.ts";
import { pause, percentile, preciseNowMs } from "./processes.ts";
import { stepsOfChain } from "./workflows.ts";

const samplesWanted = 200;

/** Milliseconds from before the request that starts a run until its first step runs on an idle node. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  /** Medians of the parts, in order, and of a request that does next to nothing. */
  readonly parts: Readonly<Record<keyof typeof partNames, number>>;
}

export const partNames = {
  toLog: "request to the log's write",
  toNode: "write to its node, signed",
  toJournal: "verified, to its journal",
  toStart: "journal to start",
  emptyCall: "beside: a call that does nothing",
} as const;

export async function measureLatency(mesh: TestMesh, agents: Agents): Promise<Latency> {
  agents.behave({ reportsEachStart: true });
  const log = watchLog(mesh);
  const whole: number[] = [];
  const parts = { toLog: [], toNode: [], toJournal: [], toStart: [], emptyCall: [] } as Record<
    keyof typeof partNames,
    number[]
  >;
  try {
    for (let sample = 0; sample < samplesWanted; sample++) {
      const { ended } = agents.report;
      log.forget();
      const fromMs = preciseNowMs();
      const started = mesh.run("chain");
      while (agents.report.ended === ended) await agents.next();
      const { heardMs, journalMs, startedMs } = agents.report.latest;
      whole.push(startedMs - fromMs);
      parts.toJournal.push(journalMs - heardMs);
      parts.toStart.push(startedMs - journalMs);
      await started;
      if (log.writtenMs > 0) {
        parts.toLog.push(log.writtenMs - fromMs);
        parts.toNode.push(heardMs - log.writtenMs);
      }
      while (agents.report.ended < ended + stepsOfChain) await agents.next();
      await pause(20);
      parts.emptyCall.push(await emptyCallMs(mesh));
    }
  } finally {
    log.close();
  }
  const medians = Object.entries(parts).map(([name, all]) => [name, percentile(all, 0.5)]);
  return {
    p50: percentile(whole, 0.5),
    p99: percentile(whole, 0.99),
    parts: Object.fromEntries(medians) as Latency["parts"],
  };
}

/** When the log's file was first written to since it was last forgotten; 0 when it was not. */
function watchLog(mesh: TestMesh) {
  const watched = { writtenMs: 0 };
  const watcher = watch(join(dataOf(mesh), "cohort.db-wal"), () => {
    if (watched.writtenMs === 0) watched.writtenMs = preciseNowMs();
  });
  return Object.assign(watched, {
    forget() {
      watched.writtenMs = 0;
    },
    close: () => watcher.close(),
  });
}

async function emptyCallMs({ client }: TestMesh): Promise<number> {
  const fromMs = preciseNowMs();
  await client.call(client.budgets, client.budgets.list, {});
  return preciseNowMs() - fromMs;
}
