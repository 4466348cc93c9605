import type { AttemptKey, EventBatch } from "@cohort/proto/gen/cohort/node";
import type { NoteSigner } from "@cohort/proto/ledger/note";
import { attemptId, dispatchProof } from "@cohort/proto/proof";
import pino from "pino";
import { type Core, type CoreOptions, createCore } from "../../coordinator/src/core.ts";
import { instanceOf } from "../../coordinator/src/fleet/fleet.ts";
import type { Retention } from "../../coordinator/src/history/retention.ts";
import type { EventLog } from "../../coordinator/src/log/log.ts";
import { type MemoryDisk, openMemoryLog } from "../../coordinator/src/log/memory.ts";
import { createMemoryHistory } from "../../coordinator/src/log/memory-history.ts";
import type { MeshHandlers } from "../../coordinator/src/mesh/mesh.ts";
import { findInstance } from "../../coordinator/src/scheduler/runs.ts";
import type { State } from "../../coordinator/src/state/state.ts";
import type { Writer } from "../../coordinator/src/state/writer.ts";
import type { VirtualClock } from "./clock.ts";
import { CoordinatorEnd, type Sent } from "./coordinator-end.ts";
import { digest, keyPair, sign, simulatedCrypto } from "./crypto.ts";
import { type Network, simulatedJwt } from "./network.ts";
import type { Plant } from "./plants.ts";
import type { Random } from "./random.ts";
import { createSimulatedProxy, sealStepToken } from "./services.ts";

/** How one commit of the log goes. */
export type CommitFate = "done" | "refused" | "crash before" | "crash after";

export interface CoordinatorOptions {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly network: Network;
  readonly disk: MemoryDisk;
  readonly plant: Plant | null;
  /** Wall clock, integer ms since 1970. */
  readonly now: () => number;
  /** Asked before each commit. */
  readonly commitFate: () => { readonly fate: CommitFate; readonly afterMs: number };
  /** Told of all that leaves for a node, before it leaves. */
  readonly onSent: (sent: Sent) => void;
  /** A call leaves for an outside service. */
  readonly onCall: () => void;
  readonly onDeath: (reason: string) => void;
  readonly onFault: (error: unknown) => void;
  /** How long finished runs are kept; not for long, when it is left out. */
  readonly retention?: Retention;
}

const shortRetention: Retention = { maxAgeMs: 60_000, maxRuns: 12, payloadMaxAgeMs: 4_000 };

/** So few that ended runs leave memory while there is still something to hear of them. */
export const endedPartsMax = 6;

export const dispatchKeys = keyPair(digest(Buffer.from("dispatch")));
const ledgerKeys = keyPair(digest(Buffer.from("ledger")));
export const ledgerSigner: NoteSigner = {
  name: "cohort/simulated",
  publicKey: ledgerKeys.publicKey,
  sign: (message) => sign(message, ledgerKeys.secretKey),
};

const unsimulated = (): never => {
  throw new Error("no simulated workflow has artifacts");
};
const noArtifacts: CoreOptions["artifacts"] = {
  objects: { put: unsimulated, get: unsimulated, remove: unsimulated, list: async () => [] },
  spool: { stage: unsimulated, has: unsimulated, read: unsimulated, drop: unsimulated },
};

/** One life of the coordinator's core over a simulated disk, bus and outside world. */
export class CoordinatorProcess {
  readonly log: EventLog;
  /** Set when it takes commands of operators. */
  ready = false;
  dead = false;
  readonly #options: CoordinatorOptions;
  readonly #end: CoordinatorEnd;
  readonly #core: Core;
  /** Entries that were given to the log in this life and before. */
  #appended: number;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    const { clock, random, disk, now, network, onSent, onCall, onFault } = options;
    // The table of finished runs is lost at times: it is made anew from the log.
    if (random.fork("history").chance(0.2)) createMemoryHistory(disk.history).reset(0);
    const log = openMemoryLog({
      signer: ledgerSigner,
      disk,
      schedule: (run) => void clock.set(() => this.dead || run(), 0),
      write: (run) => this.#schedule(run),
    });
    this.log = log;
    this.#appended = log.size;
    this.#end = new CoordinatorEnd({
      network,
      secretKey: dispatchKeys.secretKey,
      instanceOf: (node) => instanceOf(this.#core.state.fleet, node),
      watch: onSent,
      onFault,
    });
    this.#core = createCore({
      endedPartsMax,
      retention: options.retention ?? shortRetention,
      payloadsEveryMs: 3_000,
      log: this.#watched(log),
      now,
      newId: () => random.ulid(),
      gather: (run) => void clock.set(() => this.dead || run(), random.integer(0, 3)),
      mesh: this.#plantedMesh(),
      sign: (subject, payload) => ({
        payload,
        signature: sign(dispatchProof(subject, payload), dispatchKeys.secretKey),
      }),
      sealToken: (node, attempt, services) =>
        sealStepToken({ node, attempt, services, nowMs: now(), keys: dispatchKeys }),
      createProxy: (lookups, state) =>
        createSimulatedProxy({ lookups, state, clock, random, now, onCall }),
      membership: {
        credentials: {
          issueNodeJwt: async (_node, natsKey) => simulatedJwt(natsKey),
          issueInviteJwt: async () => "jwt",
        },
        verify: simulatedCrypto.verify,
        isBoxKey: () => true,
        sha256: digest,
        servers: ["simulated:4222"],
        log: pino({ level: "silent" }),
      },
      sleep: (ms, signal) => clock.sleepUnless(ms, signal),
      access: network,
      keyOverlapMs: 20_000,
      artifacts: noArtifacts,
      onDispute: () => {},
      onFailure: (error) => this.kill(String(error)),
      onFault: (error) => {
        // A recall that was not heard is no fault: it reaches the node with its next hello.
        if (!this.dead && !isUnreachable(error)) onFault(error);
      },
    });
    if (options.plant === "holds-forgotten") forgetHolds(this.state);
  }

  get state(): State {
    return this.#core.state;
  }

  get writer(): Writer {
    return this.#core.writer;
  }

  /** Whether memory holds nothing that is not on the disk. */
  get quiet(): boolean {
    return !this.dead && this.#appended === this.log.size;
  }

  kill(reason: string): void {
    if (this.dead) return;
    this.dead = true;
    this.ready = false;
    this.#core.close();
    this.#end.die();
    this.#options.onDeath(reason);
  }

  async start(): Promise<void> {
    await this.#core.begin("simulated");
    if (this.dead) return;
    this.#end.serve(this.#plantedHandlers());
    await this.#core.resume();
    if (this.dead) return this.#core.close();
    this.ready = true;
  }

  /** The log, with count kept of what is on its way to it; what it says after death is not heard. */
  #watched(log: ReturnType<typeof openMemoryLog>): ReturnType<typeof openMemoryLog> {
    return Object.assign(Object.create(log) as ReturnType<typeof openMemoryLog>, {
      append: (...[entries, changes]: Parameters<EventLog["append"]>) => {
        this.#appended += entries.length;
        const durable = log.append(entries, changes);
        if (this.#options.plant !== "dispatch-before-durable") return durable;
        durable.catch(() => {});
        return Promise.resolve();
      },
    });
  }

  #schedule(run: () => void): void {
    const { clock, disk, commitFate } = this.#options;
    const { fate, afterMs } = commitFate();
    clock.set(() => {
      if (this.dead) return;
      if (fate === "crash before") return this.kill("crashed before a commit");
      if (fate === "refused") disk.failure = new Error("ENOSPC");
      run();
      if (fate === "crash after") this.kill("crashed after a commit");
    }, afterMs);
  }

  /** Planted: what was handed to a node once is not handed to it again. */
  #plantedMesh(): CoreOptions["mesh"] {
    if (this.#options.plant !== "no-resend") return this.#end;
    const sent = new Set<string>();
    return {
      cancel: (...args) => this.#end.cancel(...args),
      greet: (...args) => this.#end.greet(...args),
      update: (...args) => this.#end.update(...args),
      dispatch: (node, dispatches) => {
        const ids = dispatches.map(({ attempt }) => attemptId(attempt as AttemptKey));
        if (ids.some((id) => sent.has(id))) return new Promise(() => {});
        for (const id of ids) sent.add(id);
        return this.#end.dispatch(node, dispatches);
      },
    };
  }

  #plantedHandlers(): MeshHandlers {
    const { handlers, state } = this.#core;
    if (this.#options.plant !== "superseded-results") return handlers;
    return {
      ...handlers,
      events: (node, batch) => handlers.events(node, asCurrent(state, batch)),
    };
  }
}

/** Planted: results are taken for the attempt that runs, whichever they are of. */
function asCurrent(state: State, { events }: EventBatch): EventBatch {
  return {
    events: events.map((event) => {
      const instance = event.attempt && findInstance(state.runs, event.attempt);
      if (event.attempt === undefined || !instance) return event;
      return { ...event, attempt: { ...event.attempt, attempt: instance.attempt } };
    }),
  };
}

/** Planted: a restart gives back what was held for calls that were out. */
function forgetHolds({ budget }: State): void {
  for (const windows of budget.accounts.values()) {
    for (const sum of windows.values()) sum.heldNanoUsd = 0;
  }
}

function isUnreachable(error: unknown): boolean {
  return (error as { code?: string }).code === "UNREACHABLE";
}
