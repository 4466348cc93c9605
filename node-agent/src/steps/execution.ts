import type { Dispatch, Finished } from "@cohort/proto/gen/cohort/node";
import { stepLimitDefaults } from "@cohort/proto/limits";
import { CohortError, refuse } from "@cohort/proto/problem";
import type { ArtifactTransfer } from "../artifacts/artifacts.ts";
import type { Host, SandboxExit, SandboxProcess, SandboxSpec } from "../host.ts";
import { hostErrorCode } from "../host-error.ts";
import type { EventContent } from "../journal/journal.ts";
import { agentLimits } from "../limits.ts";
import { Pace } from "../pace.ts";
import { scriptExit } from "../script/run-script.ts";
import { type HttpHandler, serveShim } from "../shim/shim.ts";
import { delay } from "../wait.ts";
import { stepOutput } from "./output.ts";
import { endOf, failure, neverRan, success } from "./result.ts";
import { StepLog } from "./step-log.ts";

export type StopReason = "STEP_TIMEOUT" | "STEP_CANCELLED" | "NODE_INTERRUPTED";

const stopMessages: Readonly<Record<StopReason, string>> = {
  STEP_TIMEOUT: "the step ran longer than its timeout",
  STEP_CANCELLED: "the step was cancelled",
  NODE_INTERRUPTED: "the node's agent was stopped while the step ran",
};

/** How files come into a workspace and out of it. */
export type Transfer = Pick<ArtifactTransfer, "fetch" | "store">;

export interface ExecutionOptions {
  readonly dispatch: Dispatch;
  readonly emit: (content: EventContent) => void;
  /** Resolves when it is worth asking again; null when output is taken now. */
  readonly roomForLogs: () => Promise<void> | null;
  /** `signal` is aborted when the attempt is to end. */
  readonly transfer: (signal: AbortSignal) => Transfer;
}

/** One attempt in its sandbox, from start to result. */
export class Execution {
  readonly #host: Host;
  readonly #dispatch: Dispatch;
  readonly #emit: (content: EventContent) => void;
  readonly #roomForLogs: ExecutionOptions["roomForLogs"];
  readonly #transfer: Transfer;
  readonly #stopping = new AbortController();
  #process: SandboxProcess | null = null;
  #stopReason: StopReason | null = null;
  #timeoutTimer: ReturnType<typeof setTimeout> | undefined;
  #graceTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: Host, { dispatch, emit, roomForLogs, transfer }: ExecutionOptions) {
    this.#host = host;
    this.#dispatch = dispatch;
    this.#emit = emit;
    this.#roomForLogs = roomForLogs;
    this.#transfer = transfer(this.#stopping.signal);
  }

  /** Never rejects: whatever goes wrong is the result. `proxy` serves the step's requests. */
  async run(spec: SandboxSpec, proxy: HttpHandler | null): Promise<Finished> {
    let exit: SandboxExit | null = null;
    const log = new StepLog((value) => this.#emit({ $case: "log", value }), this.#stdoutBytesMax);
    const ended = proxy === null ? null : new AbortController();
    try {
      const process = await this.#start(spec);
      if (proxy !== null && ended !== null) void serveShim(process, proxy, ended.signal);
      await this.#readOutput(process, log);
      exit = await process.exited;
      const result = this.#result(process, exit, log);
      for (const upload of this.#dispatch.uploads) await this.#transfer.store(upload, process);
      this.#throwIfStopped();
      return { ...result, logBytes: log.bytes };
    } catch (cause) {
      const result = this.#failed(cause, exit ?? (await this.#end()));
      return { ...result, logBytes: log.bytes };
    } finally {
      ended?.abort();
      clearTimeout(this.#timeoutTimer);
      clearTimeout(this.#graceTimer);
      this.#process?.release();
      this.#process = null;
    }
  }

  /** Politely first, unless `hard`. The first reason counts. */
  stop(reason: StopReason, hard: boolean): void {
    this.#stopReason ??= reason;
    this.#stopping.abort();
    this.#kill(hard);
  }

  /** Harder each time, until it is gone. */
  #kill(hard: boolean): void {
    if (this.#process === null) return;
    this.#process.kill(hard);
    clearTimeout(this.#graceTimer);
    const graceMs = hard ? agentLimits.killGraceMs : agentLimits.terminateGraceMs;
    this.#graceTimer = setTimeout(() => this.#kill(true), graceMs);
  }

  /** What has failed must not go on; null when nothing was started. */
  async #end(): Promise<SandboxExit | null> {
    this.#kill(true);
    return (await this.#process?.exited) ?? null;
  }

  get #outputBytesMax(): number {
    const given = this.#dispatch.limits?.outputBytes || stepLimitDefaults.outputBytes;
    return Math.min(given, stepLimitDefaults.outputBytes);
  }

  /** Of stdout, what the output may need. */
  get #stdoutBytesMax(): number {
    return this.#dispatch.output?.stdout === true ? this.#outputBytesMax : 0;
  }

  async #start(spec: SandboxSpec): Promise<SandboxProcess> {
    this.#throwIfStopped();
    const givenMs = this.#dispatch.timeoutMs || stepLimitDefaults.timeoutMs;
    const timeoutMs = Math.min(givenMs, agentLimits.stepTimeoutMsMax);
    this.#timeoutTimer = setTimeout(() => this.stop("STEP_TIMEOUT", false), timeoutMs);
    const process = asStart(() => this.#host.sandbox.start(spec));
    this.#process = process;
    if (spec.held) await this.#fill(process);
    this.#emit({ $case: "started", value: {} });
    return process;
  }

  async #fill(process: SandboxProcess): Promise<void> {
    try {
      for (const it of this.#dispatch.downloads) await this.#transfer.fetch(it, process);
      asStart(() => process.begin());
    } catch (cause) {
      if (hostErrorCode(cause) !== "ENOSPC") throw cause;
      throw refuse("STEP_DISK", "the step's artifacts do not fit its disk", {}, cause);
    }
  }

  /** A step that writes faster than its share, or than the line takes it, waits. */
  async #readOutput(process: SandboxProcess, log: StepLog): Promise<void> {
    const pace = new Pace(agentLimits.stepLogBytesPerSecondMax, agentLimits.stepLogBurstBytesMax);
    try {
      for (let spent = 0; ; spent = log.cost) {
        const output = await process.readOutput();
        if (output === null) return;
        for (let room = this.#roomForLogs(); room !== null; room = this.#roomForLogs()) await room;
        log.add(output.stream, output.bytes);
        const aheadMs = pace.next(this.#host.monotonic(), log.cost - spent);
        if (aheadMs > 0) await delayUntilExit(process, aheadMs);
      }
    } finally {
      log.flush();
    }
  }

  #result(process: SandboxProcess, exit: SandboxExit, log: StepLog): Finished {
    this.#throwIfStopped();
    if (exit.killed === "" && exit.signal === "" && exit.code === 0) {
      const { output } = this.#dispatch;
      const outputJson = stepOutput(process, output, log.stdout, this.#outputBytesMax);
      return success(outputJson, exit);
    }
    if (this.#dispatch.work?.$case === "script" && exit.code === scriptExit.memory) {
      throw refuse("STEP_MEMORY", "the script used more memory than its limit");
    }
    throw endOf(exit, this.#dispatch.limits, log.lastErrorLine);
  }

  /** The reason why the attempt was to end counts for more than what came of that. */
  #failed(cause: unknown, exit: SandboxExit | null): Finished {
    const reason = this.#stopReason;
    if (reason !== null) return failure(reason, stopMessages[reason], exit ?? neverRan);
    if (cause instanceof CohortError) return failure(cause.code, cause.message, exit ?? neverRan);
    const message = cause instanceof Error ? cause.message : String(cause);
    return failure("STEP_START_FAILED", message, exit ?? neverRan);
  }

  #throwIfStopped(): void {
    if (this.#stopReason === null) return;
    throw refuse(this.#stopReason, stopMessages[this.#stopReason]);
  }
}

function asStart<Value>(act: () => Value): Value {
  try {
    return act();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refuse("STEP_START_FAILED", `the sandbox could not be started: ${reason}`, {}, cause);
  }
}

/** Or until the process has ended, if that is sooner. */
async function delayUntilExit(process: SandboxProcess, ms: number): Promise<void> {
  const waiting = new AbortController();
  await Promise.race([delay(ms, waiting.signal), process.exited]);
  waiting.abort();
}
