import type { AttemptKey, EventBatch } from "@cohort/proto/gen/cohort/node";
import type { NoteSigner } from "@cohort/proto/ledger/note";
import pino from "pino";
import { decideUncertain } from "../../coordinator/src/budget/settle.ts";
import { createDispatcher } from "../../coordinator/src/dispatch/dispatcher.ts";
import { createNodeReports } from "../../coordinator/src/dispatch/node-reports.ts";
import { decideSilence } from "../../coordinator/src/fleet/decide-presence.ts";
import type { EnrolledNode } from "../../coordinator/src/fleet/fleet.ts";
import type { EventLog } from "../../coordinator/src/log/log.ts";
import { type MemoryDisk, openMemoryLog } from "../../coordinator/src/log/memory.ts";
import { createMembership } from "../../coordinator/src/mesh/membership.ts";
import type { MeshHandlers } from "../../coordinator/src/mesh/mesh.ts";
import { watchPresence } from "../../coordinator/src/mesh/presence.ts";
import { decideWelcome } from "../../coordinator/src/scheduler/decide-welcome.ts";
import { schedulerLimits } from "../../coordinator/src/scheduler/limits.ts";
import { findInstance } from "../../coordinator/src/scheduler/runs.ts";
import { decideTick } from "../../coordinator/src/scheduler/scheduler.ts";
import type { Decision } from "../../coordinator/src/state/decision.ts";
import type { Recorded } from "../../coordinator/src/state/event.ts";
import { createFeed } from "../../coordinator/src/state/feed.ts";
import { applyEvent, emptyState, type State } from "../../coordinator/src/state/state.ts";
import { createWriter, type Writer } from "../../coordinator/src/state/writer.ts";
import type { VirtualClock } from "./clock.ts";
import { CoordinatorEnd, type Sent } from "./coordinator-end.ts";
import { digest, keyPair, sign, simulatedCrypto } from "./crypto.ts";
import type { Network } from "./network.ts";
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
}

export const dispatchKeys = keyPair(digest(Buffer.from("dispatch")));
const ledgerKeys = keyPair(digest(Buffer.from("ledger")));
export const ledgerSigner: NoteSigner = {
  name: "cohort/simulated",
  publicKey: ledgerKeys.publicKey,
  sign: (message) => sign(message, ledgerKeys.secretKey),
};

/**
 * One life of the coordinator's core, put together as `coordinator/src/coordinator.ts` does: the
 * real state, writer, log, dispatcher, membership, presence, reports and proxy, over a simulated
 * disk, bus and outside world.
 */
export class CoordinatorProcess {
  readonly log: EventLog;
  readonly state: State;
  readonly writer: Writer;
  /** Set when it takes commands of operators. */
  ready = false;
  dead = false;
  readonly #options: CoordinatorOptions;
  readonly #end: CoordinatorEnd;
  readonly #closers: (() => void)[] = [];

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    const { disk, now, network, onSent, onFault } = options;
    this.log = openMemoryLog({
      signer: ledgerSigner,
      disk,
      schedule: (run) => this.#schedule(run),
    });
    this.state = emptyState();
    for (const { seq, atMs, event } of this.log.entries(1)) {
      if (event !== undefined) applyEvent(this.state, { seq, atMs, event });
    }
    this.#end = new CoordinatorEnd({
      network,
      secretKey: dispatchKeys.secretKey,
      watch: onSent,
      onFault,
    });
    this.writer = createWriter({
      log: this.#appender(),
      state: this.state,
      now,
      onFailure: (error) => this.kill(String(error)),
      listen: (recorded) => this.#listen(recorded),
    });
  }

  /** Whether memory holds nothing that is not on the disk. */
  get quiet(): boolean {
    return !this.dead && this.#appended === this.log.size;
  }

  kill(reason: string): void {
    if (this.dead) return;
    this.dead = true;
    this.ready = false;
    for (const close of this.#closers) close();
    this.#end.die();
    this.#options.onDeath(reason);
  }

  #appended = 0;
  #listen: (recorded: readonly Recorded[]) => void = () => {};

  async start(): Promise<void> {
    const { writer, state } = this;
    const { clock, random, now, plant, onFault, onCall } = this.#options;
    this.#appended = this.log.size;
    const fault = (error: unknown) => {
      if (!this.dead) onFault(error);
    };
    const feed = createFeed();
    const logger = pino({ level: "silent" });
    const sealToken = (node: EnrolledNode, attempt: AttemptKey, services: readonly string[]) =>
      sealStepToken({ node, attempt, services, nowMs: now(), keys: dispatchKeys });
    const proxy = createSimulatedProxy({ writer, clock, random, now, onCall, onFault: fault });
    const dispatcher = createDispatcher({
      writer,
      mesh: this.#end,
      sealToken,
      call: (attempt, work) => proxy.fromStep({ attempt, ...work }),
      sleep: (ms, signal) => clock.sleepUnless(ms, signal),
      onFault: (error) => {
        // A recall that was not heard is no fault: it reaches the node with its next hello.
        if (!isUnreachable(error)) fault(error);
      },
    });
    this.#closers.push(() => dispatcher.close());
    this.#listen = (recorded) => {
      if (this.dead) return;
      const heard =
        plant === "no-resend"
          ? recorded.filter(({ event }) => event.$case !== "nodeConnected")
          : recorded;
      dispatcher.onEvents(heard);
      feed.publish({ kind: "events", recorded });
    };
    this.#before = (recorded) => dispatcher.onEvents(recorded);

    const decideFleet = <T>(decision: (fleet: State["fleet"], nowMs: number) => Decision<T>) =>
      writer.decide((it, nowMs) => decision(it.fleet, nowMs));
    const presence = watchPresence({
      connected: [...state.fleet.nodes.values()]
        .filter((it) => it.state === "connected")
        .map((it) => it.node),
      now,
      onSilent: (lastSeenMs) => {
        decideFleet((fleet, nowMs) => decideSilence(fleet, lastSeenMs, nowMs)).catch(fault);
      },
    });
    this.#closers.push(() => presence.close());
    const membership = createMembership({
      decide: decideFleet,
      credentials: {
        issueNodeJwt: async () => "jwt",
        issueInviteJwt: async () => "jwt",
      },
      presence,
      verify: simulatedCrypto.verify,
      isBoxKey: () => true,
      sha256: digest,
      servers: ["simulated:4222"],
      now,
      log: logger,
      async welcome(node, hello) {
        const welcomed = await writer.decide((it) => decideWelcome(it, node, hello));
        if (plant !== "no-resend") dispatcher.resend(welcomed.resend);
        return welcomed;
      },
    });
    const reports = createNodeReports({
      writer,
      feed,
      stepLogs: (this.log as ReturnType<typeof openMemoryLog>).stepLogs,
      sealToken,
      proxy: (node, request) => proxy.fromNode(node, request),
      seen: membership.heard,
    });

    await this.#record({ $case: "coordinatorStarted", value: { version: "simulated" } });
    if (plant !== "holds-forgotten") await writer.decide((it) => decideUncertain(it.budget));
    else for (const call of state.budget.calls.values()) forgetHold(state, call);
    if (this.dead) return;
    this.#end.serve(this.#planted({ ...membership, ...reports }));
    await dispatcher.resume();
    if (this.dead) return;
    const ticker = setInterval(() => {
      writer
        .decide((it, nowMs) => ({ events: decideTick(it, nowMs), value: undefined }))
        .catch(fault);
    }, schedulerLimits.tickMs);
    this.#closers.push(() => clearInterval(ticker));
    this.ready = true;
  }

  #before: (recorded: readonly Recorded[]) => void = () => {};

  #record(event: Recorded["event"]): Promise<void> {
    return this.writer.decide(() => ({ events: [event], value: undefined }));
  }

  /** The log as the writer sees it. */
  #appender(): EventLog {
    const { log } = this;
    const { plant } = this.#options;
    return Object.assign(Object.create(log) as EventLog, {
      append: (entries: Parameters<EventLog["append"]>[0]) => {
        this.#appended += entries.length;
        if (plant === "dispatch-before-durable") this.#before(entries as Recorded[]);
        return log.append(entries);
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

  #planted(handlers: MeshHandlers): MeshHandlers {
    if (this.#options.plant !== "superseded-results") return handlers;
    return {
      ...handlers,
      events: (node, batch) => handlers.events(node, asCurrent(this.state, batch)),
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
function forgetHold(state: State, call: { holds: readonly Hold[]; reservedNanoUsd: number }): void {
  for (const { account, window } of call.holds) {
    const sum = state.budget.accounts.get(account)?.get(window);
    if (sum !== undefined) sum.heldNanoUsd = 0;
  }
}

interface Hold {
  readonly account: string;
  readonly window: string;
}

function isUnreachable(error: unknown): boolean {
  return (error as { code?: string }).code === "UNREACHABLE";
}
