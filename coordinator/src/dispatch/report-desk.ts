import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import { decideReports, type Report } from "../scheduler/decide-reports.ts";
import { schedulerLimits } from "../scheduler/limits.ts";
import type { Writer } from "../state/writer.ts";

/** Takes what is heard of attempts. */
export interface ReportDesk {
  /** Resolves when what follows from the reports is durable. */
  hand(reports: readonly Report[]): Promise<void>;
  /** A node does not hold these: that it took them, where that is not recorded yet, is forgotten. */
  doubt(attempts: readonly AttemptKey[]): void;
}

export interface ReportDeskDependencies {
  readonly writer: Writer;
  /** Calls back when what has arrived has been read. */
  readonly gather: (run: () => void) => void;
  /** Resolves after the time, or at once when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Nothing is recorded any more once it is aborted. */
  readonly signal: AbortSignal;
}

/**
 * Reports that arrive together, of all nodes, are judged as one: a decision for each would record an
 * attempt's acceptance, start and end one by one even where all three are known. That a node has
 * taken an attempt waits a little for what it says of it next: lost, it is only asked again.
 */
export function createReportDesk({
  writer,
  gather,
  sleep,
  signal,
}: ReportDeskDependencies): ReportDesk {
  let gathered: Report[] = [];
  let judged: Promise<void> | null = null;
  const held = new Map<string, Acceptances>();

  const judgeGathered = () => {
    const reports = gathered;
    gathered = [];
    judged = null;
    return writer.decide((state) => decideReports(state, reports));
  };
  const judge = (reports: readonly Report[]): Promise<void> => {
    for (const report of reports) gathered.push(report);
    judged ??= new Promise((resolve, reject) => {
      gather(() => judgeGathered().then(resolve, reject));
    });
    return judged;
  };
  /** They wait no more; once none of their batch does, `recorded` is what all of them waited for. */
  const release = (attempts: Iterable<string>, recorded: Promise<void>) => {
    for (const id of attempts) {
      const batch = held.get(id);
      held.delete(id);
      batch?.waiting.delete(id);
      if (batch?.waiting.size === 0) recorded.then(batch.resolve, batch.reject);
    }
  };
  const hold = (reports: readonly Report[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const waiting = new Map(reports.map((it) => [idOf(it), it]));
      for (const id of waiting.keys()) held.set(id, { waiting, resolve, reject });
      sleep(schedulerLimits.acceptanceHeldMs, signal).then(() => {
        if (signal.aborted) resolve();
        else if (waiting.size > 0) release([...waiting.keys()], judge([...waiting.values()]));
      }, reject);
    });
  /** Together with what was held of the same attempts: one event an attempt comes of it. */
  const record = (reports: readonly Report[]): Promise<void> => {
    if (held.size === 0) return judge(reports);
    const ids = new Set(reports.map(idOf).filter((id) => held.has(id)));
    const before = [...ids].map((id) => held.get(id)?.waiting.get(id) as Report);
    const recorded = judge([...before, ...reports]);
    release(ids, recorded);
    return recorded;
  };

  return {
    async hand(reports) {
      const accepted = reports.filter(({ kind }) => kind === "accepted");
      const others = reports.filter(({ kind }) => kind !== "accepted");
      const taken = accepted.length > 0 ? hold(accepted) : null;
      await Promise.all([taken, others.length > 0 ? record(others) : null]);
    },
    doubt: (attempts) => release(attempts.map(attemptId), Promise.resolve()),
  };
}

/** What one answer of a node told of, and is not recorded yet. */
interface Acceptances {
  readonly waiting: Map<string, Report>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

function idOf(report: Report): string {
  const attempt = report.kind === "event" ? report.event.attempt : report.attempt;
  return attempt === undefined ? "" : attemptId(attempt);
}
