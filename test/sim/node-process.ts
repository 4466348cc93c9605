import { setMaxListeners } from "node:events";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { pretendedLocal } from "../../node-agent/node/local.ts";
import type { PretendedDevices } from "../../node-agent/node/pretended-devices.ts";
import { runAgent } from "../../node-agent/src/agent.ts";
import { findDevices } from "../../node-agent/src/devices/find-devices.ts";
import { type Files, type Host, HostError } from "../../node-agent/src/host.ts";
import {
  createIdentity,
  deriveKeys,
  type Keys,
  saveIdentity,
} from "../../node-agent/src/identity.ts";
import type { VirtualClock } from "./clock.ts";
import { simulatedCrypto } from "./crypto.ts";
import { Edges } from "./edges.ts";
import { type Network, simulatedJwt } from "./network.ts";
import { NodeDisk } from "./node-disk.ts";
import type { Random } from "./random.ts";
import { type Play, simulatedSandbox } from "./step-play.ts";
import type { Trace } from "./trace.ts";

export interface BoardOptions {
  readonly name: string;
  readonly arch: "x86_64" | "arm64" | "riscv64";
  readonly labels: Readonly<Record<string, string>>;
  readonly slots: number;
  readonly memoryBytes: number;
  /** How far its wall clock is off. */
  readonly skewMs: number;
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly network: Network;
  readonly trace: Trace;
  readonly edges: Edges;
  readonly now: () => number;
  readonly watcher: WorkWatcher;
  readonly onFault: (error: unknown) => void;
  /** What its steps do; at random when left out. */
  readonly play?: Play;
  /** What lies in its /dev; nothing when left out. */
  readonly devices?: PretendedDevices;
}

/** Told of what steps really do, whatever is said of them. */
export interface WorkWatcher {
  started(attempt: AttemptKey, node: string): void;
  /** null for a step that died with its board. */
  ended(attempt: AttemptKey, succeeded: boolean | null): void;
}

const dataDirectory = "/data";
/** How long a board that died at an edge is away. */
const edgeRestartMs = 3_000;

/** A board: its disk stays, while lives of the agent's process come and go. */
export class Board {
  readonly name: string;
  readonly options: BoardOptions;
  readonly disk: NodeDisk;
  keys: Keys;
  /** Runs on a copy of this board's disk, made while both might live. */
  twin: Board | null = null;
  readonly #coordinatorKey: Uint8Array;
  #life: Life | null = null;

  constructor(options: BoardOptions, coordinatorKey: Uint8Array) {
    this.options = options;
    this.name = options.name;
    const { clock, random } = options;
    this.disk = new NodeDisk({
      clock,
      random: random.fork("disk"),
      die: (powerLost) => {
        this.kill(powerLost ? "loses power at an edge" : "is killed at an edge", powerLost);
        clock.set(() => this.start(), edgeRestartMs);
      },
    });
    this.#coordinatorKey = coordinatorKey;
    this.keys = this.#newIdentity();
  }

  /** Somebody copies the disk, and puts it into another machine. */
  copyDisk(): void {
    const { options } = this;
    const random = options.random.fork("twin");
    const twin = new Board({ ...options, random }, this.#coordinatorKey);
    twin.disk.copyFrom(this.disk);
    options.trace.add(this.name, "its disk is copied");
    this.twin = twin;
    twin.start();
  }

  /**
   * As after `join` with a new invite: other keys, and no other machine that has them. Who sets a board
   * up anew makes room on its disk first.
   */
  renew(): void {
    this.disk.full = false;
    this.twin?.kill("is taken away", true);
    this.twin = null;
    this.kill("is enrolled anew", true);
    this.keys = this.#newIdentity();
  }

  #newIdentity(): Keys {
    const host = this.#host(never, noEdges);
    const identity = createIdentity(host);
    const keys = deriveKeys(host, identity.seeds);
    const enrolment = {
      node: this.name,
      userJwt: simulatedJwt(keys.nats.publicKey),
      rootCa: "pem",
      coordinatorKey: this.#coordinatorKey,
      servers: ["simulated:4222"],
    };
    saveIdentity(host, dataDirectory, { ...identity, enrolment });
    return keys;
  }

  get alive(): boolean {
    return this.#life !== null;
  }

  get facts() {
    const { version, arch, kernel, hostname, cores, memoryBytes } = this.#host(never, noEdges).info;
    const { slots } = this.options;
    return {
      version,
      arch,
      kernel,
      hostname,
      cores,
      memoryBytes,
      isolation: "strict",
      slots,
      devices: findDevices(this.#files(never, noEdges), ""),
      models: [],
      diskBytes: 0,
      diskFreeBytes: 0,
    };
  }

  start(): void {
    if (this.#life !== null) return;
    const { clock, network, slots, trace, onFault } = this.options;
    const life: Life = { dead: new AbortController(), stop: new AbortController() };
    this.#life = life;
    // One for each connection and step of this life.
    setMaxListeners(0, life.dead.signal);
    trace.add(this.name, "agent starts");
    const connect = network.connector(this.name, life.dead.signal);
    const host = this.#host(life.dead.signal, this.options.edges);
    runAgent(host, { dataDirectory, slots, connect }, life.stop.signal)
      .catch((error: unknown) => {
        if (life.dead.signal.aborted) return;
        trace.add(this.name, `agent fails: ${String(error)}`);
        if (!(error instanceof HostError)) onFault(error);
      })
      .finally(() => {
        if (life.dead.signal.aborted) return;
        this.kill("ended", false);
        // Its supervisor starts it again.
        clock.set(() => this.start(), 2_000);
      });
  }

  /** The process is gone at once, and with it, when power is lost, what was not synced. */
  kill(reason: string, powerLost: boolean): void {
    const life = this.#life;
    if (life === null) return;
    this.#life = null;
    this.options.trace.add(this.name, `agent ${reason}`);
    life.dead.abort();
    life.stop.abort();
    if (powerLost) this.disk.losePower();
  }

  /** As SIGTERM. */
  stop(): void {
    this.options.trace.add(this.name, "agent is told to stop");
    this.#life?.stop.abort();
  }

  #files(dead: AbortSignal, edges: Edges): Files {
    const paths = [...(this.options.devices?.paths ?? [])];
    const list = (folder: string) =>
      paths.filter((it) => it.startsWith(`${folder}/`)).map((it) => it.slice(folder.length + 1));
    return { ...this.disk.mount(dead, edges), list };
  }

  #host(dead: AbortSignal, edges: Edges): Host {
    const { name, arch, clock, now, random, trace, skewMs, watcher, play, devices } = this.options;
    const bornMs = clock.nowMs;
    const refuse = (what: string) => () => {
      throw new Error(`a simulated agent may not ${what}`);
    };
    return {
      info: {
        version: "simulated",
        arch,
        kernel: "simulated",
        hostname: name,
        cores: 4,
        memoryBytes: this.options.memoryBytes,
        process: 1,
        user: 0,
        argv: [],
      },
      environment: () => undefined,
      exit: refuse("exit"),
      readInput: refuse("read its input"),
      restart: refuse("begin anew"),
      endTrial: () => {},
      writeOut: () => {},
      writeError: (text) => {
        if (!dead.aborted) trace.add(name, text.trim().slice(0, 200));
      },
      onSignal: () => {},
      now: () => now() + skewMs,
      monotonic: () => clock.nowMs - bornMs,
      random: (length) => random.bytes(length),
      files: this.#files(dead, edges),
      crypto: simulatedCrypto,
      connectTls: refuse("open sockets"),
      devices: devices ?? {
        open: refuse("open devices"),
        readAttribute: refuse("read attributes"),
        writeAttribute: refuse("write attributes"),
      },
      sandbox: simulatedSandbox({ clock, random, watcher, dead }, play),
      local: pretendedLocal(),
    };
  }
}

interface Life {
  readonly dead: AbortController;
  readonly stop: AbortController;
}

const never = new AbortController().signal;
/** For what is written before there is a process that could die of it. */
const noEdges = new Edges(null, () => {});
