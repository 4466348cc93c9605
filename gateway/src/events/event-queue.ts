import { limits } from "../limits.ts";

/** One event on its way to the coordinator; `id` stays the same however often it is sent. */
export interface PendingEvent {
  readonly id: string;
  readonly workflow: string;
  readonly trigger: number;
  readonly eventJson: string;
}

/**
 * First in, first out, bounded in number and bytes. When it is full the oldest event goes: of two
 * readings of a sensor the newer is worth more.
 */
export class EventQueue {
  readonly #events: PendingEvent[] = [];
  readonly #takers: Array<(event: PendingEvent | null) => void> = [];
  readonly #onDrop: (event: PendingEvent) => void;
  #bytes = 0;
  #closed = false;

  constructor(onDrop: (event: PendingEvent) => void) {
    this.#onDrop = onDrop;
  }

  get size(): number {
    return this.#events.length;
  }

  put(event: PendingEvent): void {
    const taker = this.#takers.shift();
    if (taker !== undefined) return taker(event);
    this.#events.push(event);
    this.#bytes += bytesOf(event);
    while (this.#events.length > limits.queueEventsMax || this.#bytes > limits.queueBytesMax) {
      this.#onDrop(this.#shift() as PendingEvent);
    }
  }

  /** Waits for an event; null once the queue is closed and empty. */
  async take(): Promise<PendingEvent | null> {
    const event = this.#shift();
    if (event !== undefined) return event;
    if (this.#closed) return null;
    return await new Promise((accept) => this.#takers.push(accept));
  }

  /** What is in it can still be taken. */
  close(): void {
    this.#closed = true;
    for (const taker of this.#takers.splice(0)) taker(null);
  }

  #shift(): PendingEvent | undefined {
    const event = this.#events.shift();
    if (event !== undefined) this.#bytes -= bytesOf(event);
    return event;
  }
}

function bytesOf(event: PendingEvent): number {
  return event.eventJson.length;
}
