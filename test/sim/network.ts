import { refuse } from "@cohort/proto/problem";
import type { Bus, ConnectBus } from "../../node-agent/src/mesh/bus.ts";
import type { VirtualClock } from "./clock.ts";
import type { CoordinatorEnd } from "./coordinator-end.ts";
import { NodeConnection } from "./node-connection.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";

/** How likely each fault is for one message. */
export interface MessageFaults {
  drop: number;
  duplicate: number;
  slow: number;
}

/** Whether messages pass between a node and the server, by direction. */
export interface NodeLink {
  up: boolean;
  down: boolean;
  /** Counts changes, so that a timer can tell whether the block it was set for still stands. */
  changes: number;
}

export interface NetworkOptions {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly trace: Trace;
  /** What the node is given in place of an answer; for planted bugs. */
  readonly tamper: (subject: string, answer: Uint8Array) => Uint8Array;
}

/**
 * In the place of nats-server: core NATS as Cohort uses it. Messages of one connection keep their
 * order, those of different ones overtake one another; what is in flight when a connection breaks may
 * or may not arrive. The server never makes two of one message, but agents and the coordinator
 * repeat themselves; such duplicates are made here more often than by timeouts alone.
 */
export class Network {
  readonly faults: MessageFaults = { drop: 0, duplicate: 0, slow: 0 };
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly trace: Trace;
  readonly tamper: NetworkOptions["tamper"];
  /** The living coordinator's connection. */
  coordinator: CoordinatorEnd | null = null;
  /** False while nats-server is away. */
  up = true;
  readonly #links = new Map<string, NodeLink>();
  /** Nodes of which a machine came with a revoked key. */
  readonly turnedAway = new Set<string>();
  readonly #shut = new Set<string>();
  readonly #connections = new Map<string, Set<NodeConnection>>();
  #connected = 0;

  constructor({ clock, random, trace, tamper }: NetworkOptions) {
    this.clock = clock;
    this.random = random;
    this.trace = trace;
    this.tamper = tamper;
  }

  link(node: string): NodeLink {
    const link = this.#links.get(node) ?? { up: true, down: true, changes: 0 };
    this.#links.set(node, link);
    return link;
  }

  connections(node: string): readonly NodeConnection[] {
    return [...(this.#connections.get(node) ?? [])];
  }

  /** How the node's process of one life connects. */
  connector(node: string, dead: AbortSignal): ConnectBus {
    return async (_server, { secretKey, userJwt }) => {
      const publicKey = secretKey.subarray(32);
      const key = Buffer.from(publicKey).toString("hex");
      const passes = () => this.up && this.link(node).up && this.link(node).down;
      await this.clock.sleep(passes() ? this.random.integer(5, 50) : 10_000);
      if (dead.aborted) return await new Promise<Bus>(() => {});
      if (!passes()) throw refuse("UNREACHABLE", "the simulated server cannot be reached");
      if (this.#shut.has(key)) {
        this.turnedAway.add(node);
        throw refuse("UNAUTHENTICATED", "the key is revoked");
      }
      if (userJwt !== simulatedJwt(publicKey)) {
        throw refuse("UNAUTHENTICATED", "the credential is another key's");
      }
      const connection = new NodeConnection(this, node, ++this.#connected, key);
      const all = this.#connections.get(node) ?? new Set();
      this.#connections.set(node, all.add(connection));
      dead.addEventListener("abort", () => connection.end("the process ended"));
      return connection;
    };
  }

  forget(connection: NodeConnection): void {
    this.#connections.get(connection.node)?.delete(connection);
  }

  /** Changes what passes; a connection that stays blocked for long is given up by the node. */
  setLink(node: string, up: boolean, down: boolean): void {
    const link = this.link(node);
    Object.assign(link, { up, down, changes: link.changes + 1 });
    this.trace.add(node, `link up:${up} down:${down}`);
    for (const connection of this.connections(node)) connection.flush();
    if (up && down) return;
    const { changes } = link;
    this.clock.set(
      () => {
        if (link.changes === changes) this.cut(node, "pings went unanswered");
      },
      this.random.integer(20_000, 30_000),
    );
  }

  cut(node: string, reason: string): void {
    for (const connection of this.connections(node)) connection.end(reason);
  }

  /** As the account's revocations: nats-server keeps them, and cuts what stands. */
  shut(keys: ReadonlyMap<string, number>): void {
    for (const key of keys.keys()) this.#shut.add(key);
    const all = [...this.#connections.values()].flatMap((it) => [...it]);
    for (const connection of all) if (keys.has(connection.key)) connection.end("revoked");
  }

  /** nats-server goes away, or comes back. */
  setUp(up: boolean): void {
    this.up = up;
    this.trace.add("bus", up ? "up" : "down");
    if (up) return;
    for (const node of this.#connections.keys()) this.cut(node, "the server went away");
    this.coordinator?.disconnect();
  }

  delayMs(): number {
    const { random, faults } = this;
    return random.chance(faults.slow) ? random.integer(500, 12_000) : random.integer(1, 20);
  }

  /** How many of one message arrive. */
  copies(mayRepeat: boolean): number {
    if (this.random.chance(this.faults.drop)) return 0;
    return mayRepeat && this.random.chance(this.faults.duplicate) ? 2 : 1;
  }
}

/** A credential says whose it is, and no more. */
export function simulatedJwt(natsKey: Uint8Array): string {
  return `jwt of ${Buffer.from(natsKey).toString("hex")}`;
}
