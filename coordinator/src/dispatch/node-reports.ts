import type { AttemptKey, NodeEvent } from "@cohort/proto/gen/cohort/node";
import { CohortError, refuse } from "@cohort/proto/problem";
import { servicesFor } from "../agents/agent-work.ts";
import { workflowAt } from "../catalogue/catalogue.ts";
import { isRevoked, tokenRevoked } from "../custody/step-tokens.ts";
import type { EnrolledNode } from "../fleet/fleet.ts";
import { type FormerRun, formerRun, type RunHistory } from "../history/history.ts";
import type { StepLogChunk, StepLogStore } from "../log/log.ts";
import type { MeshHandlers } from "../mesh/mesh.ts";
import { findActive, type Runs } from "../scheduler/runs.ts";
import type { Feed } from "../state/feed.ts";
import type { Writer } from "../state/writer.ts";
import { createEventPace } from "./event-pace.ts";
import { createOutputIntake, type OutputIntake } from "./output-intake.ts";
import type { ReportDesk } from "./report-desk.ts";

export interface NodeReportDependencies {
  readonly writer: Writer;
  readonly history: RunHistory;
  readonly reports: ReportDesk;
  readonly feed: Feed;
  readonly stepLogs: StepLogStore;
  readonly now: () => number;
  /** Resolves after the time, or at once when the process ends. */
  sleep(ms: number): Promise<void>;
  sealToken(node: EnrolledNode, attempt: AttemptKey, services: readonly string[]): Uint8Array;
  readonly proxy: MeshHandlers["proxy"];
  /** The node was heard of just now. */
  seen(node: string): void;
}

/** What a node says and asks about the attempts that it runs. */
export function createNodeReports(
  dependencies: NodeReportDependencies,
): Pick<MeshHandlers, "events" | "renew" | "proxy"> {
  const { writer, history, reports, feed, stepLogs, now, sleep, sealToken, seen } = dependencies;
  const { runs, fleet } = writer.state;
  const intake = createOutputIntake(stepLogs);
  const pace = createEventPace(now);
  let latestOutput: Promise<void> = Promise.resolve();
  return {
    async events(node, { events }) {
      seen(node);
      const findAttempt = attemptFinder(runs, history);
      const chunks = events.flatMap((event) => keptOf(findAttempt, intake, node, event));
      // Output is on its way to the disk before the end of its attempt, and both may share a commit.
      if (chunks.length > 0) latestOutput = stepLogs.append(chunks);
      const ends = events.filter((it) => endsOutput(runs, node, it)).map(({ attempt }) => attempt);
      // What came before this process has to be on the disk before it is read there.
      if (ends.some((it) => it !== undefined && !intake.knows(it))) await latestOutput;
      const judged = reports.hand(
        events.map((event) => {
          const { attempt } = event;
          const output =
            endsOutput(runs, node, event) && attempt ? intake.kept(attempt) : undefined;
          return { kind: "event", node, event, output };
        }),
      );
      // What was sent before, and is not kept twice, may still be on its way to the disk.
      await Promise.all([latestOutput, judged]);
      if (chunks.length > 0) {
        feed.publish({ kind: "output", runs: new Set(chunks.map((chunk) => chunk.run)) });
      }
      const aheadMs = pace.spend(node, events);
      if (aheadMs > 0) await sleep(aheadMs);
      return { problems: [], throughSeq: events.reduce((max, { seq }) => Math.max(max, seq), 0) };
    },

    async renew(name, { attempt }) {
      const instance = attempt === undefined ? null : findActive(runs, attempt);
      const node = fleet.nodes.get(name);
      const runsHere = instance?.node === name && node !== undefined && node.state !== "invited";
      if (attempt === undefined || !runsHere) {
        throw refuse("TOKEN_WRONG_STEP", "the attempt does not run on this node");
      }
      if (isRevoked(writer.state.stepTokens, attempt)) throw new CohortError([tokenRevoked()]);
      const services = servicesOf(writer, attempt);
      if (services.length === 0) {
        throw refuse("GRANT_MISSING", "the step was granted no service, so it has no token");
      }
      return { problems: [], sealedToken: sealToken(node, attempt, services) };
    },

    proxy: dependencies.proxy,
  };
}

/** Whether the event ends an attempt that runs on the node, and wrote something: most say nothing. */
function endsOutput(runs: Runs, node: string, { attempt, event }: NodeEvent): boolean {
  if (event?.$case !== "finished" || attempt === undefined) return false;
  return event.value.logBytes !== 0 && findActive(runs, attempt)?.node === node;
}

/**
 * What is kept of the output of an attempt that this node had or has. Where the end of it did not come,
 * a piece without content stands where the end was: whoever reads finds the stretch before it missing.
 */
function keptOf(
  findAttempt: AttemptFinder,
  intake: OutputIntake,
  node: string,
  { attempt, event, atMs }: NodeEvent,
): StepLogChunk[] {
  if (attempt === undefined || (event?.$case !== "log" && event?.$case !== "finished")) return [];
  const latest = findAttempt(attempt);
  if (latest?.node !== node || latest.attempt !== attempt.attempt) return [];
  if (event.$case === "log") {
    const chunk = { ...attempt, node, atMs, ...event.value };
    return intake.admit(chunk) ? [chunk] : [];
  }
  const { logBytes: offset = 0 } = event.value;
  if (offset === 0) return [];
  const marker = { ...attempt, node, atMs, stream: 1, offset, data: new Uint8Array(0) };
  return intake.close(marker) ? [marker] : [];
}

/** The latest attempt of an instance. */
type AttemptFinder = (
  key: AttemptKey,
) => { readonly attempt: number; readonly node: string } | undefined;

/** Also finds it in runs that have left memory: a node may have been away for long. */
function attemptFinder(runs: Runs, history: RunHistory): AttemptFinder {
  const former = new Map<string, FormerRun | null>();
  const formerly = (run: string) => {
    const known = former.get(run);
    if (known !== undefined) return known;
    const found = formerRun(history, run);
    former.set(run, found);
    return found;
  };
  return ({ run, step, instance }) =>
    (runs.byId.get(run) ?? formerly(run))?.steps.get(step)?.instances[instance];
}

function servicesOf({ state }: Writer, { run, step }: AttemptKey): readonly string[] {
  const found = state.runs.byId.get(run);
  if (found === undefined) return [];
  const compiled = workflowAt(state.catalogue, found.version).steps.get(step);
  return compiled === undefined ? [] : servicesFor(found.agents, compiled);
}
