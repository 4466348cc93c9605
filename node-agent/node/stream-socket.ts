import type { Duplex } from "node:stream";
import { HostError, type Socket } from "../src/host.ts";
import { asHostError } from "./errors.ts";

/** A Socket of the host over any of Node's streams. */
export class StreamSocket implements Socket {
  readonly peerRoot: string;
  readonly #stream: Duplex;
  #error: HostError | null = null;
  #wake: () => void = () => {};

  constructor(stream: Duplex, peerRoot = "") {
    this.#stream = stream;
    this.peerRoot = peerRoot;
    stream.on("error", (error) => {
      this.#error = asHostError(error);
    });
    for (const event of ["readable", "end", "error", "close"]) stream.on(event, () => this.#wake());
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const bytes = this.#stream.read() as Buffer | null;
      if (bytes !== null) return new Uint8Array(bytes);
      if (this.#error !== null) throw this.#error;
      if (this.#stream.readableEnded || this.#stream.destroyed) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#stream.destroyed)
        return reject(new HostError("CLOSED", "the connection is closed"));
      this.#stream.write(bytes, (error) => (error ? reject(asHostError(error)) : resolve()));
    });
  }

  close(): void {
    this.#stream.destroy();
  }
}
