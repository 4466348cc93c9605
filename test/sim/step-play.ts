import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import { type PretendedStep, pretendedSandbox } from "../../node-agent/node/sandbox.ts";
import type { Sandbox, SandboxExit } from "../../node-agent/src/host.ts";
import type { VirtualClock } from "./clock.ts";
import type { WorkWatcher } from "./node-process.ts";
import type { Random } from "./random.ts";

export interface PlayOptions {
  readonly step: PretendedStep;
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly watcher: WorkWatcher;
  /** The board or its agent is gone, and the step with it. */
  readonly dead: AbortSignal;
}

/** What a step does; its value overrides a clean exit. */
export type Play = (options: PlayOptions) => Promise<Partial<SandboxExit> | undefined>;

/** A sandbox whose steps do as `play` says, at random when it is left out; `watcher` hears of each. */
export function simulatedSandbox(options: Omit<PlayOptions, "step">, play?: Play): Sandbox {
  const { watcher, dead } = options;
  const played = play ?? playStep;
  const sandbox = pretendedSandbox((step) => played({ ...options, step }));
  return {
    probe: sandbox.probe,
    start(spec) {
      const attempt = attemptOf(spec.environment);
      const { COHORT_NODE: node = "" } = spec.environment;
      // What a process does after its death, between two awaits, reaches no machine.
      if (!dead.aborted) watcher.started(attempt, node);
      dead.addEventListener("abort", () => watcher.ended(attempt, null));
      const process = sandbox.start(spec);
      void process.exited.then(({ code }) => {
        if (!dead.aborted) watcher.ended(attempt, code === 0);
      });
      return process;
    },
  };
}

/** What it leaves as its output names its own attempt. */
function playStep(options: PlayOptions): Promise<Partial<SandboxExit>> {
  const attempt = attemptOf(options.step.spec.environment);
  return Promise.race([work(options, attempt), terminated(options)]);
}

async function work(
  { step, clock, random }: PlayOptions,
  attempt: AttemptKey,
): Promise<Partial<SandboxExit>> {
  const chunks = random.chance(0.3) ? random.integer(1, 4) : 0;
  for (let chunk = 0; chunk < chunks; chunk++) {
    step.write(random.pick([1, 2]), `line ${chunk} of ${attemptId(attempt)}\n`);
    await clock.sleep(random.integer(1, 200));
  }
  const calls = step.spec.listenPort === 0 ? 0 : random.integer(0, 3);
  for (let call = 0; call < calls; call++) await callService(step, random);
  // Now and then a step hangs until its timeout.
  await clock.sleep(random.chance(0.03) ? 3_600_000 : random.integer(1, 1_500));
  if (random.chance(0.25)) return { code: random.integer(1, 3) };
  const output = JSON.stringify({ attempt: attemptId(attempt) });
  step.leave("output.json", new TextEncoder().encode(output));
  return { code: 0 };
}

/** One request to the agent's listener, its answer thrown away. */
async function callService(step: PretendedStep, random: Random): Promise<void> {
  const socket = step.connect();
  const head = `GET /${random.pick(["paid", "free"])}/items HTTP/1.1\r\nhost: x\r\nconnection: close`;
  await socket.write(new TextEncoder().encode(`${head}\r\n\r\n`));
  while ((await socket.read()) !== null);
  socket.close();
}

/** Obeys SIGTERM, most of the time; SIGKILL needs no consent. */
async function terminated({ step, clock, random }: PlayOptions): Promise<Partial<SandboxExit>> {
  await step.killed;
  await clock.sleep(random.chance(0.2) ? 3_600_000 : random.integer(1, 300));
  return { code: -1, signal: "SIGTERM" };
}

/** Whose the step is. */
export function attemptOf(environment: Readonly<Record<string, string>>): AttemptKey {
  const {
    COHORT_RUN: run = "",
    COHORT_STEP: step = "",
    COHORT_INSTANCE: instance = "",
    COHORT_ATTEMPT: attempt = "",
  } = environment;
  return { run, step, instance: Number(instance), attempt: Number(attempt) };
}
