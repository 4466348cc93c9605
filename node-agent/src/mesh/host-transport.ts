import type { ConnectionOptions, Server, Transport } from "@nats-io/nats-core/internal";
import type { Socket } from "../host.ts";
import { deferred } from "../wait.ts";

/** nats-core's options, and how to open the connection: its factory takes no arguments. */
export interface TransportOptions extends ConnectionOptions {
  readonly dial: (hostname: string, port: number) => Promise<Socket>;
}

/** nats-core's Transport over a socket of the host; TLS is up before the first byte of NATS. */
export class HostTransport implements Transport {
  readonly lang = "cohort";
  readonly version = "1";
  closeError?: Error;
  #socket: Socket | null = null;
  #done = false;
  #established = false;
  #written: Promise<void> = Promise.resolve();
  readonly #ended = deferred<undefined | Error>();

  get isClosed(): boolean {
    return this.#done;
  }

  async connect(server: Server, options: ConnectionOptions): Promise<void> {
    const socket = await (options as TransportOptions).dial(server.hostname, server.port);
    if (this.#done) {
      socket.close();
      throw new Error("connection given up");
    }
    this.#socket = socket;
    this.#established = true;
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    try {
      while (!this.#done && this.#socket !== null) {
        const bytes = await this.#socket.read();
        if (bytes === null) break;
        yield bytes;
      }
      this.#end();
    } catch (error) {
      this.#end(error as Error);
    }
  }

  isEncrypted(): boolean {
    return true;
  }

  /** In order; a failed write shows as a failed read. */
  send(frame: Uint8Array): void {
    const socket = this.#socket;
    if (socket === null || this.#done) return;
    this.#written = this.#written.then(() => socket.write(frame)).catch(() => {});
  }

  async close(error?: Error): Promise<void> {
    await Promise.race([this.#written, this.#ended.promise]);
    this.#end(error);
  }

  disconnect(): void {
    this.#end();
  }

  closed(): Promise<undefined | Error> {
    return this.#ended.promise;
  }

  discard(): void {
    this.#done = true;
    this.#socket?.close();
  }

  /** nats-core takes the end of a connection that never stood for a disconnection. */
  #end(error?: Error): void {
    if (this.#done) return;
    this.#done = true;
    if (error !== undefined) this.closeError = error;
    this.#socket?.close();
    if (this.#established) this.#ended.resolve(error);
  }
}
