import { Transform, type TransformCallback } from "node:stream";

/**
 * Lets MQTT bytes through as long as no packet announces more than `packetBytesMax`. The broker's
 * parser would collect up to 256 MiB, before any password, for whoever asks.
 */
export class PacketGuard extends Transform {
  readonly #packetBytesMax: number;
  /** Bytes of the current packet's body that are still to come. */
  #remaining = 0;
  /** Length bytes of the fixed header seen so far (MQTT 3.1.1 §2.2.3); -1 before the type byte. */
  #lengthBytes = -1;
  #length = 0;

  constructor(packetBytesMax: number) {
    super();
    this.#packetBytesMax = packetBytesMax;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#remaining > 0) {
        const body = Math.min(this.#remaining, chunk.length - at);
        this.#remaining -= body;
        at += body;
        continue;
      }
      if (!this.#takeHeaderByte(chunk[at] as number)) {
        return done(new Error(`a packet is larger than ${this.#packetBytesMax} bytes`));
      }
      at += 1;
    }
    done(null, chunk);
  }

  /** False when the packet is too large or its length is malformed. */
  #takeHeaderByte(byte: number): boolean {
    if (this.#lengthBytes === -1) {
      this.#lengthBytes = 0;
      this.#length = 0;
      return true;
    }
    this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes;
    this.#lengthBytes += 1;
    if (this.#length > this.#packetBytesMax || this.#lengthBytes > 4) return false;
    if ((byte & 0x80) === 0) {
      this.#remaining = this.#length;
      this.#lengthBytes = -1;
    }
    return true;
  }
}
