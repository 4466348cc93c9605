import { limits } from "../limits.ts";

/** Counts what the broker has been asked to retain, so that it cannot be filled. */
export class RetainedTopics {
  readonly #bytes = new Map<string, number>();
  #total = 0;

  /** False when this message would go beyond the limits; otherwise it is counted. */
  admit(topic: string, payloadBytes: number): boolean {
    const before = this.#bytes.get(topic) ?? 0;
    const total = this.#total - before + payloadBytes;
    const isNew = !this.#bytes.has(topic) && payloadBytes > 0;
    if (isNew && this.#bytes.size >= limits.brokerRetainedMessagesMax) return false;
    if (total > limits.brokerRetainedBytesMax) return false;
    // An empty payload clears the topic (MQTT 3.1.1 §3.3.1.3).
    if (payloadBytes === 0) this.#bytes.delete(topic);
    else this.#bytes.set(topic, payloadBytes);
    this.#total = total;
    return true;
  }
}
