import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";

export interface ProgramOptions {
  readonly argv: readonly string[];
  /** Standard output and standard error, both appended. */
  readonly logFile: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Text in the log that says that the program serves; absent: it serves at once. */
  readonly ready?: string;
  readonly readyMs?: number;
}

/** A program that a test starts, kills and starts again. */
export class Program {
  #child: ChildProcess | null = null;

  constructor(private readonly options: ProgramOptions) {}

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.options.argv[0]} does not run`);
    return pid;
  }

  get log(): string {
    return readFileSync(this.options.logFile, "utf8");
  }

  /** Resolves when the program serves; rejects, with what it wrote, when it ended or took too long. */
  async start(): Promise<this> {
    const { argv, logFile, environment = {}, ready, readyMs = 20_000 } = this.options;
    const log = openSync(logFile, "a", 0o600);
    const before = this.log.length;
    const [program, ...rest] = argv as [string, ...string[]];
    const child = spawn(program, rest, {
      stdio: ["ignore", log, log],
      env: { ...process.env, ...environment },
    });
    closeSync(log);
    this.#child = child;
    const ended = once(child, "exit");
    for (const deadline = Date.now() + readyMs; ready !== undefined; ) {
      const written = this.log.slice(before);
      if (written.includes(ready)) break;
      if (child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`${argv.join(" ")} does not serve:\n${written}`);
      }
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20))]);
    }
    return this;
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    const child = this.#child;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      await once(child, "exit");
    }
  }

  /** Resolves when the program is gone. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
}
