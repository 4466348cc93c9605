import { Worker } from "node:worker_threads";
import type { TreeEdge } from "../ledger/hash-rows.ts";
import type { LogBatch, SizedNote } from "./committer.ts";
import { logLimits } from "./limits.ts";

/** What the thread needs to go on from what is stored. */
export interface CommitThreadStart {
  readonly path: string;
  /** The checkpoint signer's. */
  readonly seed: Uint8Array;
  readonly name: string;
  readonly edge: TreeEdge;
}

export type CommitThreadRequest =
  | { readonly kind: "commit"; readonly batch: SentBatch }
  | { readonly kind: "removeLogs"; readonly runs: readonly string[] }
  | { readonly kind: "purge" };

/** A batch with its texts as lines of one, which is copied in a fraction of the time of many. */
interface SentBatch extends Omit<LogBatch, "texts"> {
  readonly lines: string;
}

/** One for each request, in order. */
export type CommitThreadAnswer = { readonly value: unknown } | { readonly error: string };

/** The thread waits for a disk that does not answer; no end of the process can wait for the thread. */
export class DiskHangs extends Error {
  constructor(ms: number) {
    super(`the disk has not answered for ${ms / 1000} s`);
  }
}

/** A thread that hashes, signs and waits for the disk while this one goes on. */
export interface CommitThread {
  commit(batch: LogBatch): Promise<SizedNote | null>;
  removeLogs(runs: readonly string[]): Promise<boolean>;
  purge(): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * `program` is commit-thread-main.ts, bundled. When the thread dies, or its disk does not answer in time,
 * all that it was asked is refused; what hangs may yet become durable.
 */
export function startCommitThread(
  program: string,
  start: CommitThreadStart,
  commitMsMax: number = logLimits.commitMsMax,
): CommitThread {
  const thread = new Worker(program, { workerData: start });
  const asked: Question[] = [];
  let ended: Error | null = null;
  const end = (error: Error) => {
    ended ??= error;
    for (const { reject, timer } of asked.splice(0)) {
      clearTimeout(timer);
      reject(ended);
    }
  };
  thread.on("message", (answer: CommitThreadAnswer) => {
    const question = asked.shift();
    if (question === undefined) return;
    clearTimeout(question.timer);
    if ("value" in answer) question.resolve(answer.value);
    else question.reject(new Error(answer.error));
  });
  thread.on("error", end);
  thread.on("exit", () => end(new Error("the thread that writes it has ended")));

  const ask = <Value>(request: CommitThreadRequest): Promise<Value> =>
    new Promise((resolve, reject) => {
      if (ended !== null) return reject(ended);
      const timer = setTimeout(() => end(new DiskHangs(commitMsMax)), commitMsMax);
      asked.push({ resolve: resolve as Question["resolve"], reject, timer });
      thread.postMessage(request);
    });
  return {
    commit: (batch) => ask({ kind: "commit", batch: sentOf(batch) }),
    removeLogs: (runs) => ask({ kind: "removeLogs", runs }),
    purge: () => ask({ kind: "purge" }),
    async close() {
      if (!(ended instanceof DiskHangs)) await thread.terminate();
    },
  };
}

interface Question {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Canonical JSON has no line breaks. What was received is a view of a larger buffer, all of which would be copied. */
function sentOf({ texts, chunks, ...rest }: LogBatch): SentBatch {
  const lines = texts.join("\n");
  return { ...rest, lines, chunks: chunks.map((it) => ({ ...it, data: it.data.slice() })) };
}

/** What was sent, in the other thread. */
export function batchOf({ lines, ...rest }: SentBatch): LogBatch {
  return { ...rest, texts: lines === "" ? [] : lines.split("\n") };
}
