import type { LogChunk } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { concatenate } from "../bytes.ts";
import { agentLimits } from "../limits.ts";

/** What a step writes: passed on in chunks, and as much of it kept as its result needs. */
export class StepLog {
  readonly #emit: (chunk: LogChunk) => void;
  readonly #stdoutBytesMax: number;
  #stdout: Uint8Array[] = [];
  #stdoutBytes = 0;
  #stderrTail: Uint8Array = new Uint8Array(0);
  #offset = 0;

  constructor(emit: (chunk: LogChunk) => void, stdoutBytesMax: number) {
    this.#emit = emit;
    this.#stdoutBytesMax = stdoutBytesMax;
  }

  add(stream: 1 | 2, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += limits.logChunkBytesMax) {
      const data = bytes.subarray(at, at + limits.logChunkBytesMax);
      this.#emit({ stream, offset: this.#offset, data });
      this.#offset += data.length;
    }
    if (stream === 1) this.#keepStdout(bytes);
    else this.#keepStderr(bytes);
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
