import type { Entry } from "@cohort/proto/gen/cohort/ledger";
import { workflowAt } from "../catalogue/catalogue.ts";
import { historyLimits } from "../history/limits.ts";
import { fromLeaf } from "../log/leaf.ts";
import type { EventLog } from "../log/log.ts";
import type { Recorded } from "../state/event.ts";
import { runOf } from "../state/feed.ts";
import type { State } from "../state/state.ts";
import type { Writer } from "../state/writer.ts";
import { remainderHash, remainderOf } from "./remainder.ts";

export interface DropOptions {
  readonly log: Pick<EventLog, "leaves" | "prepareDrop">;
  readonly writer: Writer;
  readonly maxAgeMs: number;
  readonly now: () => number;
  /** Between pages of the log, so that nothing else has to wait for long. */
  readonly pause: () => Promise<void>;
}

/**
 * A pass, to be made again and again: drops the payloads of entries of runs whose history is removed and
 * whose end is so long ago. Entry and remainder change places in the commit that records it, so that a
 * crash leaves one or the other; what a pass had not come to, the next one finds. A pass resolves with
 * false when it found nothing that is due.
 */
export function createPayloadPass(options: DropOptions): () => Promise<boolean> {
  const { log, writer, maxAgeMs, now, pause } = options;
  /** No removal that is still to be dealt with stands before this entry. */
  let searchedSeq = 0;

  const record = (batch: Batch, due: DueRuns, throughSeq: number) => {
    const entries = [...batch.remainders].map(([seq, text]) => ({
      seq,
      remainderHash: remainderHash(text),
    }));
    const value = { entries, endedSeq: due.endedSeq, throughSeq, maxAgeMs };
    log.prepareDrop(batch.remainders);
    return writer.decide(() => ({ events: [{ $case: "payloadsDropped", value }], value: null }));
  };

  return async () => {
    const doneSeq = await writer.read(({ ledger }) => ledger.payloads.throughSeq);
    const found = await dueRuns(options, Math.max(doneSeq, searchedSeq), now() - maxAgeMs);
    searchedSeq = found.searchedSeq;
    const { due } = found;
    if (due === null) return false;
    let batch = emptyBatch();
    for (let seq = due.firstSeq; seq <= due.throughSeq; seq += pageEntries) {
      for (const [at, leaf] of log.leaves(seq, pageEntries).entries()) {
        const remainder = remainderAt(writer.state, due, seq + at, leaf);
        if (remainder === null) continue;
        batch.remainders.set(seq + at, remainder);
        batch.bytes += leaf.json.length;
        if (!isFull(batch)) continue;
        await record(batch, due, 0);
        batch = emptyBatch();
      }
      await pause();
    }
    await record(batch, due, due.throughSeq);
    return true;
  };
}

const pageEntries = 256;

/** What one commit drops. */
interface Batch {
  readonly remainders: Map<number, string>;
  bytes: number;
}

function emptyBatch(): Batch {
  return { remainders: new Map(), bytes: 0 };
}

function isFull({ remainders, bytes }: Batch): boolean {
  const { payloadsDroppedMax, payloadBytesDroppedMax } = historyLimits;
  return remainders.size >= payloadsDroppedMax || bytes >= payloadBytesDroppedMax;
}

interface DueRuns {
  /** With the inputs that place their steps, once the entry that started them was met. */
  readonly runs: Map<string, ReadonlySet<string>>;
  /** Nothing of them stands before this entry, or behind the removal of the last of them. */
  firstSeq: number;
  throughSeq: number;
  /** The last of them ended by this entry. */
  endedSeq: number;
}

/** Runs of removals after an entry, as far as these are due and together not too many. */
async function dueRuns(
  { log, pause }: DropOptions,
  afterSeq: number,
  endedBeforeMs: number,
): Promise<{ readonly due: DueRuns | null; readonly searchedSeq: number }> {
  let due: DueRuns | null = null;
  for (let seq = afterSeq + 1; ; seq += pageEntries) {
    const page = log.leaves(seq, pageEntries);
    for (const [at, leaf] of page.entries()) {
      if (!leaf.json.includes('"historyRemoved":{')) continue;
      const removed = fromLeaf(leaf, seq + at);
      const isDue = endedMsOf(removed) < endedBeforeMs;
      if (!isDue || (due?.runs.size ?? 0) >= historyLimits.runsDroppedMax) {
        return { due, searchedSeq: afterSeq };
      }
      due = withRuns(due, removed);
    }
    if (page.length < pageEntries) {
      return { due, searchedSeq: due === null ? seq + page.length - 1 : afterSeq };
    }
    await pause();
  }
}

/** One that was recorded before removals told of that is as old as its entry. */
function endedMsOf({ atMs, event }: Entry): number {
  if (event?.$case !== "historyRemoved") return Number.POSITIVE_INFINITY;
  return event.value.endedMs === 0 ? atMs : event.value.endedMs;
}

function withRuns(due: DueRuns | null, { seq, event }: Entry): DueRuns | null {
  if (event?.$case !== "historyRemoved") return due;
  const { runs, firstSeq, lastSeq } = event.value;
  const all = due ?? { runs: new Map(), firstSeq: seq, throughSeq: seq, endedSeq: 0 };
  for (const run of runs) all.runs.set(run, noInputs);
  all.firstSeq = Math.min(all.firstSeq, Math.max(1, firstSeq));
  all.throughSeq = seq;
  all.endedSeq = Math.max(all.endedSeq, lastSeq === 0 ? seq : lastSeq);
  return all;
}

const noInputs: ReadonlySet<string> = new Set();

/** What is to take the entry's place; null where it stays, or is a remainder already. */
function remainderAt(
  { catalogue }: Pick<State, "catalogue">,
  { runs }: DueRuns,
  seq: number,
  leaf: ReturnType<EventLog["leaves"]>[number],
): string | null {
  if (!mentionsOne(leaf.json, runs)) return null;
  const entry = fromLeaf(leaf, seq);
  const run = runOf(entry as Recorded);
  if (!runs.has(run)) return null;
  if (entry.event?.$case === "runStarted") {
    const { steps } = workflowAt(catalogue, entry.event.value.version);
    runs.set(run, new Set([...steps.values()].flatMap(({ selectReads }) => selectReads)));
  }
  return leaf.droppedBy > 0 ? null : remainderOf(entry, runs.get(run) ?? noInputs);
}

/** Most entries are of other runs, and need not be read. In text within an entry quotes are escaped. */
function mentionsOne(json: string, runs: ReadonlyMap<string, unknown>): boolean {
  for (const [, run = ""] of json.matchAll(/"run":"([^"\\]+)"/g)) if (runs.has(run)) return true;
  return false;
}
