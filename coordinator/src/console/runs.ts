import {
  type RunsServer,
  RunsService,
  type StartRunReply,
  type StartRunRequest,
  type StartRunResult,
} from "@cohort/proto/gen/cohort/console";
import { limits } from "@cohort/proto/limits";
import { CohortError, refuse } from "@cohort/proto/problem";
import { type RunHistory, unlessEnded } from "../history/history.ts";
import { queryOutcome, queryRun, queryRuns } from "../history/query-runs.ts";
import type { Retention } from "../history/retention.ts";
import type { StepLogStore } from "../log/log.ts";
import { decideCancel } from "../scheduler/decide-cancel.ts";
import { decidePause, decideResume } from "../scheduler/decide-pause.ts";
import { decideRerun } from "../scheduler/decide-rerun.ts";
import { decideRetry } from "../scheduler/decide-retry.ts";
import { decideSkip, runEnded } from "../scheduler/decide-skip.ts";
import { decideStart, type Started } from "../scheduler/decide-start.ts";
import { explainStep } from "../scheduler/explain.ts";
import { type Feed, runOf } from "../state/feed.ts";
import type { Writer } from "../state/writer.ts";
import type { Methods } from "./methods.ts";
import { streamLogs } from "./stream-logs.ts";
import { explanationView } from "./views.ts";
import { createWaker } from "./waker.ts";

export interface RunsDependencies {
  readonly writer: Writer;
  readonly feed: Feed;
  readonly history: RunHistory;
  readonly retention: Retention;
  readonly stepLogs: Pick<StepLogStore, "read">;
  readonly newId: () => string;
}

export function runsService(
  { unary, stream }: Methods,
  dependencies: RunsDependencies,
): RunsServer {
  const { writer, feed, history, retention, newId } = dependencies;
  return {
    start: unary(RunsService.start, (request, caller) =>
      startRun(dependencies, request, caller.name),
    ),
    startMany: unary(RunsService.startMany, async ({ starts }, caller) => {
      if (starts.length > limits.startsMax) {
        throw refuse("LIMIT_EXCEEDED", `one call may start ${limits.startsMax} runs`);
      }
      // Each is decided by itself; they share a commit.
      const results = starts.map((it) => resultOf(startRun(dependencies, it, caller.name)));
      return { results: await Promise.all(results) };
    }),
    get: unary(RunsService.get, ({ run }) => queryRun(writer, history, retention, run)),
    list: unary(RunsService.list, (request) => queryRuns(writer, history, request)),
    cancel: unary(RunsService.cancel, async ({ run, hard }, caller) => ({
      changed: await writer.decide((state) =>
        unlessEnded(history, run, () =>
          decideCancel(state.runs, { run, hard, actor: caller.name }),
        ),
      ),
    })),
    pause: unary(RunsService.pause, async ({ run, reason }, caller) => ({
      changed: await writer.decide((state) =>
        unlessEnded(history, run, () =>
          decidePause(state.runs, { run, reason, actor: caller.name }),
        ),
      ),
    })),
    resume: unary(RunsService.resume, async ({ run }, caller) => ({
      changed: await writer.decide((state) =>
        unlessEnded(history, run, () => decideResume(state.runs, { run, actor: caller.name })),
      ),
    })),
    explain: unary(RunsService.explain, (request) =>
      writer.read((state) => explanationView(explainStep(state, request))),
    ),
    retry: unary(RunsService.retry, async ({ run: id, from, idempotencyKey: key }, caller) => {
      const former = await queryRun(writer, history, retention, id);
      const idempotencyKey = keyOf(`retry/${id}`, key);
      const request = { run: newId(), from, actor: caller.name, idempotencyKey };
      return replyOf(
        dependencies,
        await writer.decide((state) => decideRetry(state, former, request, history)),
      );
    }),
    rerun: unary(RunsService.rerun, async ({ run: id, latest, idempotencyKey: key }, caller) => {
      const former = await queryRun(writer, history, retention, id);
      const idempotencyKey = keyOf(`rerun/${id}`, key);
      const request = { run: newId(), latest, actor: caller.name, idempotencyKey };
      return replyOf(
        dependencies,
        await writer.decide((state) => decideRerun(state, former, request, history)),
      );
    }),
    skip: unary(RunsService.skip, async ({ run, step, reason }, { name: actor, role }) => {
      await writer.decide((state) => {
        if (history.find(run) !== null) throw runEnded(run);
        return decideSkip(state, { run, step, reason, actor, role });
      });
      return {};
    }),
    watch: stream(RunsService.watch, async ({ run: id }, send, signal) => {
      const waker = createWaker(
        feed,
        signal,
        (change) => change.kind === "events" && change.recorded.some((it) => runOf(it) === id),
      );
      try {
        let shown = await queryRun(writer, history, retention, id);
        await send(shown);
        while (shown.endedMs === 0 && (await waker.next())) {
          shown = await queryRun(writer, history, retention, id);
          await send(shown);
        }
      } finally {
        waker.close();
      }
    }),
    logs: stream(RunsService.logs, (request, send, signal) =>
      streamLogs(dependencies, request, send, signal),
    ),
  };
}

async function startRun(
  { writer, history, retention, newId }: RunsDependencies,
  { workflow, inputsJson, idempotencyKey }: StartRunRequest,
  actor: string,
): Promise<StartRunReply> {
  const request = {
    run: newId(),
    workflow,
    trigger: "operator" as const,
    actor,
    inputs: parseInputs(inputsJson),
    event: null,
    idempotencyKey: keyOf(`operator/${workflow}`, idempotencyKey),
  };
  const started = await writer.decide((state) => decideStart(state, request, history));
  return replyOf({ writer, history, retention }, started);
}

async function replyOf(
  { writer, history, retention }: Pick<RunsDependencies, "writer" | "history" | "retention">,
  started: Started,
): Promise<StartRunReply> {
  return { ...started, ...(await queryOutcome(writer, history, retention, started.run)) };
}

async function resultOf(starting: Promise<StartRunReply>): Promise<StartRunResult> {
  try {
    return { problems: [], started: await starting };
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    return { problems: [...error.problems], started: undefined };
  }
}

/** A key is one of what it starts: the same for another workflow or run starts that too. */
function keyOf(scope: string, key: string): string {
  return key === "" ? "" : `${scope}/${key}`;
}

function parseInputs(json: string): Record<string, unknown> {
  if (json === "") return {};
  try {
    const value: unknown = JSON.parse(json);
    if (value !== null && typeof value === "object" && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch (error) {
    throw refuse("INPUT_INVALID", `the inputs are not JSON: ${(error as Error).message}`);
  }
  throw refuse("INPUT_INVALID", "the inputs must be a JSON object");
}
