import type { TriggerSet } from "@cohort/proto/gen/cohort/console";
import { problem } from "@cohort/proto/problem";
import type { Logger } from "pino";
import type { ConsoleClient } from "../console-client/console-client.ts";
import { Tally } from "../tally.ts";
import { newEventId } from "./event-id.ts";
import { EventQueue } from "./event-queue.ts";
import { parsePayload } from "./payload.ts";
import { submitEvents } from "./submitter.ts";
import { type MqttEvent, TriggerTable } from "./trigger-table.ts";
import { watchTriggers } from "./trigger-watch.ts";

/** One copy of a message, as a broker delivered it. */
export interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** Subscriptions that this copy is for; null when the broker does not say. */
  readonly filters: ReadonlySet<string> | null;
}

export interface EventsParts {
  readonly console: ConsoleClient;
  readonly log: Logger;
  readonly now: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly random: () => number;
  /** Hears which topics and which paths of webhooks matter, now and after every change. */
  readonly onTriggers: (filters: readonly string[], paths: readonly string[]) => void;
}

/** From messages to events at the coordinator: filter at the edge, queue, submit. */
export class Events {
  readonly #parts: EventsParts;
  readonly #queue: EventQueue;
  readonly #tally: Tally;
  #table: TriggerTable | null = null;

  constructor(parts: EventsParts) {
    this.#parts = parts;
    this.#tally = new Tally(parts.now);
    this.#queue = new EventQueue(({ workflow }) =>
      this.#tally.note("queue", (dropped) =>
        parts.log.error({ workflow, dropped }, "the queue is full: the oldest events were dropped"),
      ),
    );
  }

  /**
   * Takes a message over. When this returns, every event that the message makes is in the queue, so
   * the broker may be told that it arrived. Never throws for what a message contains.
   */
  accept(message: Message): void {
    const { log, now, randomBytes } = this.#parts;
    const { topic, filters } = message;
    const table = this.#table;
    if (table === null) {
      return this.#tally.note("early", (times) =>
        log.warn({ topic, times }, "a message came before the coordinator named its triggers"),
      );
    }
    const levels = topic.split("/");
    if (!table.listensTo(levels, filters)) return;
    const payload = parsePayload(topic, message.payload);
    if (!payload.ok) {
      return this.#tally.note(`payload ${topic}`, (times) =>
        log.warn({ topic, times, problem: payload.problem }, "a message is no event"),
      );
    }
    const atMs = now();
    const event: MqttEvent = {
      source: "mqtt",
      topic: levels,
      payload: payload.value,
      at_ms: atMs,
    };
    const eventJson = JSON.stringify(event);
    for (const { trigger, error } of table.firings(filters, event)) {
      const { workflow, index, condition } = trigger;
      if (error !== null) {
        this.#tally.note(`condition ${workflow} ${index}`, (times) =>
          log.warn(
            { workflow, condition, topic, times, error: error.message },
            "undecided: no run",
          ),
        );
        continue;
      }
      const id = newEventId(atMs, randomBytes);
      this.#queue.put({ id, workflow, trigger: index, eventJson });
    }
  }

  /** Works until `accepting` aborts; what is queued then is still submitted until `draining` does. */
  async run(accepting: AbortSignal, draining: AbortSignal): Promise<void> {
    const { console, log, random } = this.#parts;
    const submitting = submitEvents({ queue: this.#queue, console, log, random, signal: draining });
    const onTriggers = (set: TriggerSet) => this.#use(set);
    await watchTriggers({ console, log, random, signal: accepting, onTriggers });
    this.#queue.close();
    await submitting;
    if (this.#queue.size > 0) log.error({ lost: this.#queue.size }, "events were not submitted");
  }

  #use(set: TriggerSet): void {
    const { log, onTriggers } = this.#parts;
    this.#table = new TriggerTable(set, this.#table, (trigger, error) =>
      log.error(
        { trigger, problem: problem("EXPRESSION_INVALID", error.message) },
        "a trigger cannot be used by this gateway",
      ),
    );
    log.info({ mqtt: set.mqtt.length, webhooks: set.webhooks.length }, "triggers taken over");
    onTriggers(this.#table.filters, set.webhooks);
  }
}
