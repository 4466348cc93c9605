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
  /**
   * How one knows that it serves: "line": it prints a JSON line with `"ready":true`; a function: it
   * resolves; absent: at once.
   */
  readonly ready?: "line" | ((signal: AbortSignal) => Promise<void>);
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
    const failed = new AbortController();
    const { ready, ended } = this.#spawn(failed.signal);
    const late = new Promise<never>((_, reject) => {
      const timer = setTimeout(() => reject(new Error("it did not get ready in time")), this.spec.readyMs);
      failed.signal.addEventListener("abort", () => clearTimeout(timer));
    });
    const died = ended.then((how) => Promise.reject(new Error(`it ended: ${how}`)));
    try {
      await Promise.race([ready, died, late]);
      this.#kept = true;
    } catch (cause) {
      await this.stop();
      throw this.#failure(cause);
    } finally {
      failed.abort();
      died.catch(() => {});
    }
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

  #spawn(signal: AbortSignal): { ready: Promise<void>; ended: Promise<string> } {
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
    const saysReady = readyLine(child, log.write);
    child.stderr?.on("data", log.write);
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
    const ready = spec.ready === "line" ? saysReady : (spec.ready?.(signal) ?? Promise.resolve());
    ready.catch(() => {});
    return { ready, ended };
  }

  #again(how: string, livedMs: number): void {
    this.#failures = failuresAfter(this.#failures, livedMs);
    const delayMs = backoffMs(this.#failures, this.context.random());
    this.context.report(`${this.name} ended (${how}); starting it again in ${delayMs} ms`);
    this.#restart = setTimeout(() => this.#spawn(AbortSignal.timeout(this.spec.readyMs)), delayMs);
  }

  #failure(cause: unknown): Error {
    const { name, argv } = this.spec;
    const why = cause instanceof Error ? cause.message : String(cause);
    return refuse(
      "SETUP_FAILED",
      `${name} did not start: ${why}`,
      { hint: `Read ${join(this.context.logs, `${name}.log`)}. Command: ${argv.join(" ")}` },
      cause,
    );
  }
}

/** Resolves at the first whole line of stdout that is JSON with `ready: true`. */
function readyLine(child: ChildProcess, write: (bytes: Uint8Array) => void): Promise<void> {
  return new Promise((resolve) => {
    let text = "";
    let seen = false;
    child.stdout?.on("data", (bytes: Buffer) => {
      write(bytes);
      if (seen) return;
      text += bytes.toString("utf8");
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      seen = lines.some(isReady);
      if (seen) resolve();
    });
  });
}

function isReady(line: string): boolean {
  try {
    const value = JSON.parse(line) as unknown;
    return value !== null && typeof value === "object" && "ready" in value && value.ready === true;
  } catch {
    return false;
  }
}
