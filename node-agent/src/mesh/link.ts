import { CohortError, refuse } from "@cohort/proto/problem";
import type { Host } from "../host.ts";
import type { Enrolment } from "../identity.ts";
import { agentLimits } from "../limits.ts";
import { backoffMs, delay } from "../wait.ts";
import type { Bus, BusCredential, ConnectBus, Conversation, Listener } from "./bus.ts";

/** What is done with a connection while it stands; `ended` is aborted when it is gone. */
export type ServeBus = (bus: Bus, ended: AbortSignal) => Promise<void>;

/**
 * The connection to the mesh: made again for ever, to one server after the other, with growing and
 * jittered waits, so that ten thousand nodes do not come back at once.
 */
export class Link {
  readonly #host: Host;
  readonly #connect: ConnectBus;
  #bus: Bus | null = null;
  #connected: { readonly server: string; readonly sinceMs: number } | null = null;
  #trouble = "";
  /** Closed by ourselves, to come back at once. */
  #again = false;

  constructor(host: Host, connect: ConnectBus) {
    this.#host = host;
    this.#connect = connect;
  }

  /** Since when by the monotonic clock; null while there is no connection. */
  get connected(): { readonly server: string; readonly sinceMs: number } | null {
    return this.#connected;
  }

  /** Why there is no connection; "" while there is one, or nothing has gone wrong yet. */
  get trouble(): string {
    return this.#trouble;
  }

  /** As Bus.request; UNREACHABLE at once while there is no connection. */
  async request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    if (this.#bus === null) throw refuse("UNREACHABLE", "the node is not connected to its mesh");
    return await this.#bus.request(subject, payload, timeoutMs);
  }

  /** As Bus.converse. */
  converse(subject: string, payload: Uint8Array, listener: Listener): Conversation {
    if (this.#bus === null) throw refuse("UNREACHABLE", "the node is not connected to its mesh");
    return this.#bus.converse(subject, payload, listener);
  }

  /** Ends the connection for one with the credential as it is now. */
  reconnect(): void {
    this.#again = true;
    void this.#bus?.close();
  }

  /** Until `stop`. The credential is asked for before each attempt: it may have been renewed. */
  async run(
    servers: Enrolment["servers"],
    credential: () => BusCredential,
    serve: ServeBus,
    stop: AbortSignal,
  ): Promise<void> {
    let failures = 0;
    let told = "";
    for (let turn = this.#host.random(1)[0] as number; !stop.aborted; turn++) {
      const server = servers[turn % servers.length] as string;
      try {
        const bus = await this.#connect(server, credential());
        failures = 0;
        told = "";
        this.#log(`connected to ${server}`);
        this.#trouble = "";
        this.#connected = { server, sinceMs: this.#host.monotonic() };
        const reason = await this.#hold(bus, serve, stop);
        this.#trouble = `disconnected from ${server}: ${reason}`;
        if (!stop.aborted) this.#log(`disconnected from ${server}: ${reason}`);
      } catch (error) {
        if (!(error instanceof CohortError)) throw error;
        this.#trouble = error.message;
        if (error.message !== told) this.#log(`${error.message}; trying again`);
        told = error.message;
      }
      if (this.#again) {
        this.#again = false;
        continue;
      }
      const { reconnectDelayMsMin, reconnectDelayMsMax } = agentLimits;
      const waitMs = backoffMs(this.#host, failures, reconnectDelayMsMin, reconnectDelayMsMax);
      failures++;
      await delay(waitMs, stop);
    }
  }

  async #hold(bus: Bus, serve: ServeBus, stop: AbortSignal): Promise<string> {
    const ended = new AbortController();
    const close = () => void bus.close();
    stop.addEventListener("abort", close);
    this.#bus = bus;
    try {
      const served = serve(bus, ended.signal);
      const reason = await Promise.race([bus.closed, served.then(() => bus.closed)]);
      ended.abort();
      await served;
      return reason;
    } finally {
      this.#bus = null;
      this.#connected = null;
      ended.abort();
      stop.removeEventListener("abort", close);
      await bus.close();
    }
  }

  #log(text: string): void {
    this.#host.writeError(`cohort-agent: ${text}\n`);
  }
}
