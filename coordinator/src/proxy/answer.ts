import type { Header, ProxyReply } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { type Problem, refuse } from "@cohort/proto/problem";
import type { CallChannel } from "./channel.ts";

/** Where the answer of a service goes, piece by piece, once it is fit to pass on. */
export interface Answer {
  head(status: number, headers: readonly Header[]): void;
  /** The promise, where there is one, resolves when more may follow. It rejects with a CohortError. */
  data(bytes: Uint8Array): Promise<void> | undefined;
  /** The service has said all; the outcome is not recorded yet. */
  ended(): void;
  /**
   * The answer is not fit to go on. What has not left by now does not leave, so that whoever was told
   * nothing yet is told the problem alone.
   */
  broken(): void;
  /** The outcome is recorded. With problems, the answer was refused or broke off. */
  finish(problems: readonly Problem[]): Promise<void>;
}

/**
 * An answer to a node. What the service says in one go is sent in one go, without delay; the whole of
 * a short answer leaves with its end, once that is in the log.
 */
export class NodeAnswer implements Answer {
  readonly #channel: CallChannel;
  #head: Pick<ProxyReply, "status" | "headers"> | null = null;
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #ended = false;
  #broken = false;
  #isScheduled = false;
  #sending: Promise<void> | null = null;

  constructor(channel: CallChannel) {
    this.#channel = channel;
  }

  head(status: number, headers: readonly Header[]): void {
    this.#head = { status, headers: [...headers] };
    this.#later();
  }

  data(bytes: Uint8Array): Promise<void> | undefined {
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes < limits.proxyPieceBytesMax) {
      this.#later();
      return this.#sending ?? undefined;
    }
    return this.#sendAll();
  }

  ended(): void {
    this.#ended = true;
  }

  broken(): void {
    this.#broken = true;
    this.#head = null;
    this.#waiting = [];
    this.#bytes = 0;
  }

  async finish(problems: readonly Problem[]): Promise<void> {
    await this.#sending?.catch(() => {});
    if (problems.length > 0) return this.#channel.send({ problems: [...problems], last: true });
    while (this.#bytes > limits.proxyPieceBytesMax) await this.#sendOne();
    await this.#channel.room(this.#bytes);
    this.#channel.send({ ...this.#take(), last: true });
  }

  /**
   * When all that has arrived by now was read: TLS hands it over in pieces of 16 KiB, each of which would
   * be a message.
   */
  #later(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.#ended && !this.#broken) this.#sendAll().catch(() => {});
    });
  }

  /** Rejections are those of `room`, which every later call meets too. */
  #sendAll(): Promise<void> {
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = null;
    });
    return this.#sending;
  }

  async #drain(): Promise<void> {
    while (this.#head !== null || (this.#bytes > 0 && !this.#ended)) await this.#sendOne();
  }

  async #sendOne(): Promise<void> {
    await this.#channel.room(Math.min(this.#bytes, limits.proxyPieceBytesMax));
    this.#channel.send(this.#take());
  }

  /** As much as fits one message. */
  #take(): Partial<ProxyReply> {
    const head = this.#head ?? {};
    this.#head = null;
    const all = this.#waiting.length === 1 ? this.#waiting[0] : Buffer.concat(this.#waiting);
    const body = (all as Uint8Array).subarray(0, limits.proxyPieceBytesMax);
    const rest = (all as Uint8Array).subarray(body.length);
    this.#waiting = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    return { ...head, body };
  }
}

/** An answer that is kept whole, for those within the coordinator. */
export class WholeAnswer implements Answer {
  #status = 0;
  #headers: readonly Header[] = [];
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;
  #problems: readonly Problem[] = [];

  head(status: number, headers: readonly Header[]): void {
    this.#status = status;
    this.#headers = headers;
  }

  data(bytes: Uint8Array): undefined {
    this.#bytes += bytes.length;
    if (this.#bytes > limits.proxyWholeBytesMax) {
      throw refuse(
        "UPSTREAM_INVALID",
        `the answer is longer than the ${limits.proxyWholeBytesMax} bytes that a call may take`,
      );
    }
    this.#pieces.push(bytes);
  }

  ended(): void {}

  broken(): void {}

  async finish(problems: readonly Problem[]): Promise<void> {
    this.#problems = problems;
  }

  get reply(): WholeReply {
    const problems = [...this.#problems];
    if (problems.length > 0) return { problems, status: 0, headers: [], body: new Uint8Array() };
    const body = Buffer.concat(this.#pieces);
    return { problems, status: this.#status, headers: [...this.#headers], body };
  }
}

/** What became of a call of the coordinator's own. */
export type WholeReply = Pick<ProxyReply, "problems" | "status" | "headers" | "body">;
