import { type LogLine, type RunsServer, RunsService } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { runView } from "../history/run-view.ts";
import type { StepLogStore } from "../log/log.ts";
import { decideCancel } from "../scheduler/decide-cancel.ts";
import { decideStart } from "../scheduler/decide-start.ts";
import type { Run } from "../scheduler/runs.ts";
import { type Feed, runOf } from "../state/feed.ts";
import type { State } from "../state/state.ts";
import type { Writer } from "../state/writer.ts";
import type { Methods } from "./methods.ts";
import { createWaker } from "./waker.ts";

export interface RunsDependencies {
  readonly writer: Writer;
  readonly feed: Feed;
  readonly stepLogs: StepLogStore;
  readonly newId: () => string;
}

const listedDefault = 20;
const listedMax = 1000;
const logPage = 256;

export function runsService(
  { unary, stream }: Methods,
  dependencies: RunsDependencies,
): RunsServer {
  const { writer, feed, newId } = dependencies;
  return {
    start: unary(RunsService.start, ({ workflow, inputsJson, idempotencyKey }, caller) =>
      writer.decide((state) =>
        decideStart(state, {
          run: newId(),
          workflow,
          trigger: "operator",
          actor: caller.name,
          inputs: parseInputs(inputsJson),
          event: null,
          idempotencyKey: idempotencyKey === "" ? "" : `operator/${idempotencyKey}`,
        }),
      ),
    ),
    get: unary(RunsService.get, ({ run }) =>
      writer.read((state) => runView(state, findRun(state, run))),
    ),
    list: unary(RunsService.list, ({ workflow, limit }) =>
      writer.read((state) => {
        const runs = [...state.runs.byId.values()].reverse();
        const matching = runs.filter((run) => workflow === "" || run.workflow === workflow);
        const count = Math.min(limit === 0 ? listedDefault : limit, listedMax);
        return { runs: matching.slice(0, count).map((run) => runView(state, run, false)) };
      }),
    ),
    cancel: unary(RunsService.cancel, async ({ run, hard }, caller) => ({
      changed: await writer.decide((state) =>
        decideCancel(state.runs, { run, hard, actor: caller.name }),
      ),
    })),
    watch: stream(RunsService.watch, async ({ run: id }, send, signal) => {
      const run = findRun(writer.state, id);
      const waker = createWaker(
        feed,
        signal,
        (change) => change.kind === "events" && change.recorded.some((it) => runOf(it) === id),
      );
      try {
        let shown = await writer.read((state) => runView(state, run));
        await send(shown);
        while (shown.state === "running" && (await waker.next())) {
          shown = await writer.read((state) => runView(state, run));
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

async function streamLogs(
  { writer, feed, stepLogs }: RunsDependencies,
  { run: id, step, follow }: { run: string; step: string; follow: boolean },
  send: (line: LogLine) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const run = findRun(writer.state, id);
  const waker = createWaker(feed, signal, (change) =>
    change.kind === "output" ? change.runs.has(id) : change.recorded.some((it) => runOf(it) === id),
  );
  let cursor = 0;
  const sendNew = async () => {
    for (;;) {
      const page = stepLogs.read(id, step, cursor, logPage);
      for (const {
        cursor: at,
        instance,
        attempt,
        node,
        stream: from,
        atMs,
        data,
        step: of,
      } of page) {
        await send({
          attempt: { run: id, step: of, instance, attempt },
          node,
          stream: from,
          atMs,
          data,
        });
        cursor = at;
      }
      if (page.length < logPage || signal.aborted) return;
    }
  };
  try {
    await sendNew();
    // Results and output travel in one journal, so what a run wrote is here when the run has ended.
    while (follow && run.state === "running" && (await waker.next())) await sendNew();
    await sendNew();
  } finally {
    waker.close();
  }
}

function findRun(state: State, id: string): Run {
  const run = state.runs.byId.get(id);
  if (run === undefined)
    throw refuse("RUN_UNKNOWN", `no run has the id "${id}"`, {
      hint: "`cohort status` lists runs.",
    });
  return run;
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
