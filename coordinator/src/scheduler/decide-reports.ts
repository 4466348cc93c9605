import type { AttemptEnded, OutputKept } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey, Finished, NodeEvent } from "@cohort/proto/gen/cohort/node";
import { workflowAt } from "../catalogue/catalogue.ts";
import { actuationEvents } from "../fleet/decide-actuated.ts";
import type { Decision } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import { failure } from "./decide-attempt.ts";
import { outputFault } from "./output.ts";
import { findActive, type Instance, type Run } from "./runs.ts";
import type { Schedule } from "./schedule.ts";

/** What was heard of an attempt that was handed to a node. */
export type Report =
  /** The node has taken it. */
  | { readonly kind: "accepted"; readonly attempt: AttemptKey }
  /** It was not, or will never be, handed over. */
  | { readonly kind: "refused"; readonly attempt: AttemptKey; readonly result: Finished }
  /**
   * Of the node's journal; only the attempt's own node is believed. A log chunk is no event. With the
   * end of an attempt, what is kept of its output.
   */
  | {
      readonly kind: "event";
      readonly node: string;
      readonly event: NodeEvent;
      readonly output?: OutputKept | undefined;
    };

/**
 * What was heard at once becomes one event an attempt: the latest. Reports repeat and come late, so
 * each is checked against the state: one that changes nothing, or speaks of an attempt that is over,
 * makes none.
 */
export function decideReports(
  schedule: Pick<Schedule, "catalogue" | "runs" | "fleet">,
  reports: readonly Report[],
): Decision<void> {
  const actuations = actuationEvents(
    schedule.fleet,
    reports.filter((it) => it.kind === "event"),
  );
  const heard = new Map<Instance, Heard>();
  for (const report of reports) {
    const attempt = report.kind === "event" ? report.event.attempt : report.attempt;
    const instance = attempt === undefined ? null : findActive(schedule.runs, attempt);
    if (attempt === undefined || instance === null) continue;
    if (report.kind === "event" && instance.node !== report.node) continue;
    const told = report.kind === "event" ? report.event.event?.$case : "";
    if (told === "log" || told === "actuated") continue;
    const known = heard.get(instance) ?? { attempt, startedMs: 0, ended: null };
    heard.set(instance, known);
    note(schedule, instance, known, report);
  }
  return { events: [...actuations, ...[...heard].flatMap(eventOf)], value: undefined };
}

interface Heard {
  readonly attempt: AttemptKey;
  /** By the node's clock; 0 when nothing was said of it. */
  startedMs: number;
  ended: Pick<AttemptEnded, "result" | "nodeSeq" | "output"> | null;
}

function note(
  schedule: Pick<Schedule, "catalogue" | "runs">,
  instance: Instance,
  heard: Heard,
  report: Report,
): void {
  if (report.kind === "refused") heard.ended ??= { result: report.result, nodeSeq: 0 };
  if (report.kind !== "event") return;
  const { event, atMs, seq } = report.event;
  if (event?.$case === "started" && heard.startedMs === 0) heard.startedMs = atMs;
  if (event?.$case === "finished") {
    const result = judged(schedule, instance, event.value);
    heard.ended ??= { result, nodeSeq: seq, output: report.output };
  }
}

/** A success is one only when the output is as the step declares. */
function judged(
  { catalogue, runs }: Pick<Schedule, "catalogue" | "runs">,
  { run, step }: Instance,
  result: Finished,
): Finished {
  if (result.outcome !== "succeeded") return result;
  const { version } = runs.byId.get(run) as Run;
  const definition = workflowAt(catalogue, version).steps.get(step)?.definition;
  const fault = outputFault(result.outputJson, definition?.outputs);
  return fault === null ? result : { ...failure(fault.code, fault.message), usage: result.usage };
}

function eventOf([{ state }, { attempt, startedMs, ended }]: [Instance, Heard]): Event[] {
  const nodeStartedMs = state === "running" ? 0 : startedMs;
  if (ended !== null) {
    return [{ $case: "attemptEnded", value: { attempt, ...ended, nodeStartedMs } }];
  }
  if (nodeStartedMs !== 0) {
    return [{ $case: "attemptStarted", value: { attempt, nodeAtMs: nodeStartedMs } }];
  }
  if (state === "scheduled" && startedMs === 0) {
    return [{ $case: "attemptAccepted", value: { attempt } }];
  }
  return [];
}
