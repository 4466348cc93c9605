import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { refuse } from "@cohort/proto/problem";
import { backoffMs, failuresAfter } from "./backoff.ts";
import type { Instance } from "./instance.ts";
import { openLogFile } from "./log-file.ts";

/** A program that is kept running. */
export interface ChildSpec {
  readonly name: string;
  readonly argv: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether this line of its output says that it serves; absent: it does at once. */
  readonly ready?: (line: string) => boolean;
  readonly readyMs: number;
  /** Time between SIGTERM and SIGKILL. */
  readonly stopMs: number;
}

export interface Child {
  readonly name: string;
  /** Process id while it runs. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

export interface ChildContext {
  readonly instance: Instance;
  readonly logs: string;
  readonly random: () => number;
  /** What an operator should see: a child that ended by itself and when it is started again. */
  readonly report: (line: string) => void;
}

/**
 * Starts the program and resolves when it serves. From then on it is started again whenever it ends,
 * after a growing delay, until `stop`. Throws SETUP_FAILED when its first start fails.
 */
export async function startChild(spec: ChildSpec, context: ChildContext): Promise<Child> {
  const keeper = new Keeper(spec, context);
  await keeper.start();
  return keeper;
}

class Keeper implements Child {
  readonly name: string;
  #process: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #restart: NodeJS.Timeout | undefined;
  #failures = 0;
  /** From the first time that it served until it is told to stop. */
  #kept = false;

  constructor(
    private readonly spec: ChildSpec,
    private readonly context: ChildContext,
  ) {
    this.name = spec.name;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async start(): Promise<void> {
    const { ready, ended } = this.#spawn();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve("it did not get ready in time"), this.spec.readyMs);
    });
    const died = ended.then((how) => `it ended: ${how}`);
    const fault = await Promise.race([ready, died, late]);
    clearTimeout(timer);
    if (fault !== undefined) {
      await this.stop();
      throw this.#failure(fault);
    }
    this.#kept = true;
  }

  async stop(): Promise<void> {
    this.#kept = false;
    clearTimeout(this.#restart);
    const child = this.#process;
    if (child === undefined) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), this.spec.stopMs);
    await this.#ended;
    clearTimeout(timer);
  }

  #spawn(): { ready: Promise<void>; ended: Promise<string> } {
    const { spec, context } = this;
    const [program = "", ...rest] = spec.argv;
    const startedAt = performance.now();
    // A process group of its own: Ctrl-C in the terminal reaches the supervisor alone, which then
    // stops its children in their order.
    const child = spawn(program, rest, {
      env: { ...process.env, ...spec.environment },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#process = child;
    if (child.pid !== undefined) context.instance.started(spec.name, child.pid);
    const log = openLogFile(join(context.logs, `${spec.name}.log`));
    const ready = watchOutput(child, log.write, spec.ready);
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, name) => resolve(name ?? `exit status ${code}`));
    });
    child.once("close", log.close);
    this.#ended = ended.then((how) => {
      this.#process = undefined;
      context.instance.ended(spec.name);
      if (this.#kept) this.#again(how, performance.now() - startedAt);
    });
    return { ready, ended };
  }

  #again(how: string, livedMs: number): void {
    this.#failures = failuresAfter(this.#failures, livedMs);
    const delayMs = backoffMs(this.#failures, this.context.random());
    this.context.report(`${this.name} ended (${how}); starting it again in ${delayMs} ms`);
    this.#restart = setTimeout(() => this.#spawn(), delayMs);
  }

  #failure(fault: string): Error {
    const { name, argv } = this.spec;
    const hint = `Read ${join(this.context.logs, `${name}.log`)}. Command: ${argv.join(" ")}`;
    return refuse("SETUP_FAILED", `${name} did not start: ${fault}`, { hint });
  }
}

/** Writes all output to the log; resolves at the first whole line that says that the child serves. */
function watchOutput(
  child: ChildProcess,
  write: (bytes: Uint8Array) => void,
  ready: ((line: string) => boolean) | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    let waiting = ready;
    if (waiting === undefined) resolve();
    for (const stream of [child.stdout, child.stderr]) {
      let partial = "";
      stream?.on("data", (bytes: Buffer) => {
        write(bytes);
        if (waiting === undefined) return;
        const lines = (partial + bytes.toString("utf8")).split("\n");
        partial = lines.pop() ?? "";
        if (!lines.some(waiting)) return;
        waiting = undefined;
        resolve();
      });
    }
  });
}

/** The line by which Cohort's own processes say that they serve: JSON with `ready: true`. */
export function isReadyLine(line: string): boolean {
  try {
    const value = JSON.parse(line) as unknown;
    return value !== null && typeof value === "object" && "ready" in value && value.ready === true;
  } catch {
    return false;
  }
}
