import type { ConsoleClient } from "@cohort/gateway/src/console-client/console-client.ts";
import { ListRunsRequest, type Run } from "@cohort/proto/gen/cohort/console";
import { CohortError, refuse } from "@cohort/proto/problem";
import { runChanges } from "./run-changes.ts";

const appearMs = 10_000;
const pollMs = 20;
const retryMs = 200;

/**
 * Lets `publish` send its message, waits for the run that it starts, and prints each change of that
 * run until it has ended; a coordinator that goes away meanwhile is waited for. Throws SETUP_FAILED
 * when no run appears.
 */
export async function followRun(parts: {
  readonly client: ConsoleClient;
  readonly workflow: string;
  /** Gives what was published. */
  readonly publish: () => Promise<string>;
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}): Promise<Run> {
  const { client, workflow, publish, signal, print } = parts;
  const before = await runIds(client, workflow);
  const startedAt = performance.now();
  const timed = (line: string) => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(2);
    print(`${seconds.padStart(7)} s  ${line}`);
  };
  print("");
  timed(`published ${await publish()}`);
  const run = await newRun(client, workflow, before, signal);
  let last: Run | null = null;
  for (;;) {
    try {
      for await (const now of client.stream(client.runs, client.runs.watch, { run }, signal)) {
        for (const line of runChanges(last, now)) timed(line);
        last = now;
      }
      signal.throwIfAborted();
    } catch (error) {
      if (!(error instanceof CohortError) || error.code !== "UNREACHABLE") throw error;
      timed("the coordinator is away; waiting for it");
    }
    if (last !== null && last.state !== "running") return last;
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}

async function newRun(
  client: ConsoleClient,
  workflow: string,
  before: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<string> {
  const deadline = Date.now() + appearMs;
  while (Date.now() < deadline) {
    signal.throwIfAborted();
    const found = [...(await runIds(client, workflow))].find((id) => !before.has(id));
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw refuse("SETUP_FAILED", `the message started no run of ${workflow}`, {
    hint: "Read .cohort/log/gateway.log and .cohort/log/coordinator.log.",
  });
}

async function runIds(client: ConsoleClient, workflow: string): Promise<Set<string>> {
  const { runs } = await client.call(
    client.runs,
    client.runs.list,
    ListRunsRequest.fromPartial({ workflow }),
  );
  return new Set(runs.map((it) => it.run));
}
