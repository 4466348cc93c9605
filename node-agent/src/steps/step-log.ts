import type { LogChunk } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { concatenate } from "../bytes.ts";
import { agentLimits } from "../limits.ts";

/**
 * What a step writes: gathered for a moment into chunks, passed on, and as much of it kept as its
 * result needs. However small the pieces are, what is held of them is bytes, not objects.
 */
export class StepLog {
  /** What passing on has cost so far, in bytes: a small chunk costs more than it holds. */
  cost = 0;
  readonly #emit: (chunk: LogChunk) => void;
  readonly #stdoutBytesMax: number;
  #stdout: Uint8Array[] = [];
  #stdoutBytes = 0;
  #stderrTail: Uint8Array = new Uint8Array(0);
  /** Made when there is something to gather: most steps say nothing. */
  #gathered = new Uint8Array(0);
  #gatheredLength = 0;
  #stream: 1 | 2 = 1;
  #offset = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(emit: (chunk: LogChunk) => void, stdoutBytesMax: number) {
    this.#emit = emit;
    this.#stdoutBytesMax = stdoutBytesMax;
  }

  add(stream: 1 | 2, bytes: Uint8Array): void {
    if (stream !== this.#stream) this.flush();
    this.#stream = stream;
    if (this.#gathered.length === 0) this.#gathered = new Uint8Array(limits.logChunkBytesMax);
    for (let at = 0; at < bytes.length; ) {
      const room = this.#gathered.length - this.#gatheredLength;
      const piece = bytes.subarray(at, at + room);
      this.#gathered.set(piece, this.#gatheredLength);
      this.#gatheredLength += piece.length;
      at += piece.length;
      if (piece.length === room) this.flush();
    }
    if (this.#gatheredLength === 0) return;
    this.#timer ??= setTimeout(() => this.flush(), agentLimits.stepLogGatherMs);
  }

  /** Passes on what is gathered; to be called at the end. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#gatheredLength === 0) return;
    const data = this.#gathered.slice(0, this.#gatheredLength);
    this.#gatheredLength = 0;
    if (this.#stream === 1) this.#keepStdout(data);
    else this.#keepStderr(data);
    this.#emit({ stream: this.#stream, offset: this.#offset, data });
    this.#offset += data.length;
    this.cost += Math.max(data.length, agentLimits.stepLogChunkCostBytesMin);
  }

  /** What was passed on so far. */
  get bytes(): number {
    return this.#offset;
  }

  /** null when it was longer than what an output may be. */
  get stdout(): Uint8Array | null {
    return this.#stdoutBytes > this.#stdoutBytesMax ? null : concatenate(this.#stdout);
  }

  /** The last line of stderr that says something, without control characters; else "". */
  get lastErrorLine(): string {
    const lines = new TextDecoder().decode(this.#stderrTail).split(/[\r\n]+/);
    const last = lines.map(printable).findLast((line) => line !== "") ?? "";
    return last.slice(-agentLimits.messageLengthMax);
  }

  #keepStdout(bytes: Uint8Array): void {
    this.#stdoutBytes += bytes.length;
    if (this.#stdoutBytes <= this.#stdoutBytesMax) this.#stdout.push(bytes);
    else this.#stdout = [];
  }

  #keepStderr(bytes: Uint8Array): void {
    const tail = concatenate([this.#stderrTail, bytes]);
    this.#stderrTail = tail.slice(-agentLimits.messageLengthMax * 4);
  }
}

/** Escape sequences of a step must not reach the terminal of whoever reads its error. */
function printable(line: string): string {
  return line
    .replace(/\p{Cc}\[[0-9;?]*[ -/]*[@-~]/gu, "")
    .replace(/\p{Cc}/gu, "")
    .trim();
}
