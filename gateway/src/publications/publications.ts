import type { Publication, PublicationKey } from "@cohort/proto/gen/cohort/console";
import { CohortError } from "@cohort/proto/problem";
import { attemptId } from "@cohort/proto/proof";
import type { Logger } from "pino";
import { backoffMs, pause } from "../backoff.ts";
import type { ConsoleClient } from "../console-client/console-client.ts";
import { mayPass } from "../console-client/problems.ts";
import { limits } from "../limits.ts";

/** A message for a broker. */
export type Outgoing = Pick<Publication, "messageId" | "topic" | "payload" | "qos" | "retain">;

/**
 * Hands a message to a broker and waits until that has taken it over, however long the broker is
 * away. Resolves with why the broker refused it, "" when it took it, null when the signal aborted.
 */
export type Publish = (message: Outgoing, signal: AbortSignal) => Promise<string | null>;

interface Parts {
  readonly console: ConsoleClient;
  readonly log: Logger;
  readonly random: () => number;
  readonly publish: Publish;
  readonly signal: AbortSignal;
}

/**
 * Publishes what the coordinator offers, and acknowledges it, until the signal aborts. What is offered
 * again after the stream broke is not published again as long as this process remembers it.
 */
export async function publishOffers(parts: Parts): Promise<void> {
  const { console, log, random, signal } = parts;
  const desk = new Desk(parts);
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      const watch = console.events.watchPublications;
      for await (const { offer } of console.stream(console.events, watch, {}, signal)) {
        attempt = 0;
        if (offer?.$case === "publication") desk.take(offer.value);
        if (offer?.$case === "withdrawn") desk.withdraw(offer.value);
      }
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      log.warn({ problems: error.problems }, "the coordinator is away; nothing is to be published");
    }
    await pause(backoffMs(attempt, random), signal);
  }
  await desk.settled();
}

/** A message that the coordinator may still offer again. */
interface Known {
  readonly withdrawn: AbortController;
  /** What the broker said; null while it has not. */
  refusal: string | null;
}

class Desk {
  readonly #parts: Parts;
  readonly #known = new Map<string, Known>();
  readonly #working = new Set<Promise<void>>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  take(publication: Publication): void {
    const { key } = publication;
    if (key?.attempt === undefined) return;
    const id = idOf(key);
    const known = this.#known.get(id);
    if (known === undefined) return this.#start(this.#carryOut(id, key, publication));
    if (known.refusal !== null) this.#start(this.#acknowledge(key, known.refusal));
  }

  withdraw(key: PublicationKey): void {
    const id = idOf(key);
    this.#known.get(id)?.withdrawn.abort();
    this.#known.delete(id);
  }

  async settled(): Promise<void> {
    await Promise.all(this.#working);
  }

  #start(work: Promise<void>): void {
    const tracked = work.finally(() => this.#working.delete(tracked));
    this.#working.add(tracked);
  }

  async #carryOut(id: string, key: PublicationKey, message: Outgoing): Promise<void> {
    const { publish, signal, log } = this.#parts;
    const known: Known = { withdrawn: new AbortController(), refusal: null };
    this.#known.set(id, known);
    this.#forgetOldest();
    known.refusal = await publish(message, AbortSignal.any([signal, known.withdrawn.signal]));
    if (known.refusal === null) return;
    const { topic } = message;
    if (known.refusal !== "") log.warn({ topic, refusal: known.refusal }, "a message was refused");
    await this.#acknowledge(key, known.refusal);
  }

  /** Told until it is heard; after that the coordinator withdraws the message, and it is forgotten. */
  async #acknowledge(key: PublicationKey, refusal: string): Promise<void> {
    const { console, log, random, signal } = this.#parts;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        const { events } = console;
        await console.call(events, events.acknowledgePublication, { key, refusal }, { signal });
        return;
      } catch (error) {
        if (!(error instanceof CohortError)) throw error;
        if (!mayPass(error)) {
          return log.error({ problems: error.problems }, "an acknowledgement was refused");
        }
        await pause(backoffMs(attempt, random), signal);
      }
    }
  }

  /** Of messages whose withdrawal was lost with a stream. */
  #forgetOldest(): void {
    if (this.#known.size <= limits.publicationsKnownMax) return;
    for (const [id, { refusal }] of this.#known) {
      if (refusal === null) continue;
      this.#known.delete(id);
      return;
    }
  }
}

function idOf({ attempt, channel }: PublicationKey): string {
  return `${attempt === undefined ? "" : attemptId(attempt)}/${channel}`;
}
