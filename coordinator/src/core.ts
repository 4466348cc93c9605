import { type AttemptKey, ReleaseKeys, type Signed } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { CohortError } from "@cohort/proto/problem";
import { subjects } from "@cohort/proto/subjects";
import { createKeeper, type Keeper, type KeeperOptions } from "./artifacts/keeper.ts";
import { createTransfers } from "./artifacts/transfers.ts";
import { decideUncertain } from "./budget/settle.ts";
import { serviceNamed } from "./catalogue/catalogue.ts";
import { isRevoked } from "./custody/step-tokens.ts";
import { createDispatcher, type DispatcherDependencies } from "./dispatch/dispatcher.ts";
import { createNodeReports } from "./dispatch/node-reports.ts";
import { createReleaseDesk, type ReleaseDesk } from "./dispatch/release-desk.ts";
import { createReportDesk } from "./dispatch/report-desk.ts";
import { createUpdater, type UpdaterDependencies } from "./dispatch/updater.ts";
import { assertNotBarred } from "./fleet/barred.ts";
import { equalBytes, toHex } from "./fleet/bytes.ts";
import { decideSilence } from "./fleet/decide-presence.ts";
import { decideRetired } from "./fleet/decide-rotation.ts";
import type { EnrolledNode } from "./fleet/fleet.ts";
import { keepHistory } from "./history/keep-history.ts";
import { keepPayloads } from "./history/keep-payloads.ts";
import { historyLimits } from "./history/limits.ts";
import type { EndedRun, Retention } from "./history/retention.ts";
import { createPayloadPass } from "./ledger/drop-payloads.ts";
import { createWitnesses, type Witnesses } from "./ledger/witness-desk.ts";
import type { EventLog, StepLogStore } from "./log/log.ts";
import type { Access } from "./mesh/access.ts";
import { createMembership, type DecideFleet, type MembershipOptions } from "./mesh/membership.ts";
import type { MeshHandlers } from "./mesh/mesh.ts";
import { type Presence, watchPresence } from "./mesh/presence.ts";
import { turnAway } from "./mesh/turn-away.ts";
import type { CoreProxy, ProxyDependencies } from "./proxy/proxy.ts";
import { decideUpdateReport } from "./rollout/decide-rollout.ts";
import type { Rollouts } from "./rollout/rollout.ts";
import { callerOf } from "./scheduler/caller.ts";
import { decideWelcome } from "./scheduler/decide-welcome.ts";
import { schedulerLimits } from "./scheduler/limits.ts";
import { findActive } from "./scheduler/runs.ts";
import { decideTick } from "./scheduler/scheduler.ts";
import type { Event, Recorded } from "./state/event.ts";
import { createFeed, type Feed } from "./state/feed.ts";
import { replay } from "./state/replay.ts";
import type { State } from "./state/state.ts";
import { createWriter, type Writer } from "./state/writer.ts";

/** What of the proxy's dependencies the core itself knows. */
export type ProxyLookups = Pick<
  ProxyDependencies,
  | "writer"
  | "nodeIsEnrolled"
  | "assertNotBarred"
  | "attemptIsLive"
  | "tokenIsRevoked"
  | "service"
  | "calling"
  | "onFault"
>;

export interface CoreOptions {
  readonly log: EventLog & { readonly stepLogs: StepLogStore };
  readonly now: () => number;
  /** A ULID that was never given before. */
  readonly newId: () => string;
  /** Calls back when what has arrived has been read, and before that is committed. */
  readonly gather: (run: () => void) => void;
  /** Commands to nodes; used from `resume` on. */
  readonly mesh: DispatcherDependencies["mesh"] &
    UpdaterDependencies["mesh"] & {
      /** Asks every process that has the node's keys to say hello. */
      greet(node: string): Promise<void>;
    };
  /** A step token for the attempt, signed and sealed to the node. */
  readonly sealToken: (
    node: EnrolledNode,
    attempt: AttemptKey,
    services: readonly string[],
  ) => Uint8Array;
  readonly createProxy: (lookups: ProxyLookups, state: State) => CoreProxy;
  readonly membership: Omit<
    MembershipOptions,
    | "decide"
    | "presence"
    | "welcome"
    | "nodeNamed"
    | "greet"
    | "updateReported"
    | "releaseKeysFor"
    | "now"
  >;
  /** Signs what a node is told, for its subject alone. */
  readonly sign: (subject: string, payload: Uint8Array) => Signed;
  readonly sleep: DispatcherDependencies["sleep"];
  /** Lets keys in no more. */
  readonly access: Pick<Access, "shut">;
  /** How long a node's former keys are good, where it is not the usual time. */
  readonly keyOverlapMs?: number;
  /** Parts of ended runs that stay in memory, where it is not the usual number. */
  readonly endedPartsMax?: number;
  /** How long finished runs are kept. */
  readonly retention: Retention;
  /** How often payloads are dropped, where it is not the usual time. */
  readonly payloadsEveryMs?: number;
  /** Where artifacts are kept, for good and on their way. */
  readonly artifacts: Pick<KeeperOptions, "objects" | "spool">;
  /** The event log cannot be written: the process must end, and start again from the log. */
  readonly onFailure: (error: unknown) => void;
  /** A node holds what the ledger does not continue. */
  readonly onDispute: (node: string, reason: string) => void;
  /** A fault that no caller is left to be told of. */
  readonly onFault: (error: unknown) => void;
}

/** The coordinator between its doors: all that it knows and decides, over ports. */
export interface Core {
  readonly state: State;
  readonly writer: Writer;
  readonly feed: Feed;
  readonly presence: Presence;
  /** For the bus, once `begin` has resolved. */
  readonly handlers: MeshHandlers;
  readonly artifacts: Pick<Keeper, "read">;
  readonly releases: ReleaseDesk;
  readonly witnesses: Witnesses;
  /** Records that the process started, and what the one before left undecided. */
  begin(version: string): Promise<void>;
  /** Nodes can be reached: goes on where the log ends. */
  resume(): Promise<void>;
  close(): void;
}

/**
 * Reads the state from the log and puts the parts together that act upon it. The process gives it
 * real adapters, the simulator simulated ones. Throws LEDGER_INVALID.
 */
export function createCore(options: CoreOptions): Core {
  const { log, now, newId, gather, mesh, sealToken, sleep, onFailure, onFault } = options;
  const {
    membership: { verify },
    keyOverlapMs = limits.keyOverlapMs,
  } = options;
  const state = replay(log, options.endedPartsMax);
  const feed = createFeed();
  const writer = createWriter({
    log,
    state,
    now,
    onFailure,
    listen(recorded) {
      dispatcher.onEvents(recorded);
      updater.onEvents(recorded);
      keeper.onEvents(recorded);
      options.access.shut(keysMadeVoid(recorded));
      if (recorded.some(({ event }) => endsCalls.has(event.$case))) proxy.breakOffEnded();
      for (const { event } of recorded) {
        // Heard, it is told at its hello what is wanted; unheard, with the next.
        if (event.$case === "nodeRotationAsked") mesh.greet(event.value.node).catch(() => {});
      }
      feed.publish({ kind: "events", recorded });
    },
  });
  const proxy = options.createProxy({ writer, onFault, ...lookupsOf(state) }, state);
  const closing = new AbortController();
  const reports = createReportDesk({ writer, gather, sleep, signal: closing.signal });
  const dispatcher = createDispatcher({
    writer,
    history: log.history,
    newId,
    reports,
    mesh,
    sealToken,
    call: (attempt, work) => proxy.fromStep({ attempt, ...work }),
    sleep,
    onFault,
  });

  const updater = createUpdater({ writer, mesh, sleep, onFault });

  const decideFleet: DecideFleet = (decision) =>
    writer.decide((it, nowMs) => decision(it.fleet, nowMs));
  const presence = watchPresence({
    connected: [...state.fleet.nodes.values()]
      .filter((it) => it.state === "connected")
      .map((it) => it.node),
    now,
    onSilent: (lastSeenMs) => {
      decideFleet((fleet, nowMs) => {
        // Who was heard since is watched again, and would not be taken for one who returns.
        const isSilent = ([node]: [string, number]) => presence.lastSeenMs(node) === undefined;
        return decideSilence(fleet, new Map([...lastSeenMs].filter(isSilent)), nowMs);
      }).catch(onFault);
    },
  });
  const membership = createMembership({
    ...options.membership,
    nodeNamed: (name) => {
      const node = state.fleet.nodes.get(name);
      return node === undefined || node.state === "invited" ? null : node;
    },
    greet: (node) => mesh.greet(node),
    decide: decideFleet,
    presence,
    now,
    async welcome(node, hello) {
      const welcomed = await writer.decide((it, nowMs) =>
        decideWelcome(it, node, hello, { verify, nowMs, keyOverlapMs }),
      );
      if (welcomed.kind === "refused") throw new CohortError([welcomed.problem]);
      dispatcher.resend(welcomed.resend);
      return welcomed;
    },
    updateReported: (node, report) => writer.decide((it) => decideUpdateReport(it, node, report)),
    releaseKeysFor: (node, trusted) => releaseKeysFor(state.rollouts, options.sign, node, trusted),
  });
  const nodeReports = createNodeReports({
    writer,
    history: log.history,
    reports,
    feed,
    now,
    sleep: (ms) => sleep(ms, closing.signal),
    stepLogs: {
      read: log.stepLogs.read,
      extent: log.stepLogs.extent,
      pieces: log.stepLogs.pieces,
      append: (chunks) =>
        log.stepLogs.append(chunks).catch((error: unknown) => {
          // From here on the log refuses events too, and none may come that would find it out.
          onFailure(error);
          throw error;
        }),
    },
    sealToken,
    proxy: (node, request, channel) => proxy.fromNode(node, request, channel),
    seen: membership.heard,
  });
  const starts = { newId, history: log.history };
  const { spool } = options.artifacts;
  const keeper = createKeeper({
    ...options.artifacts,
    state: state.artifacts,
    durable: () => writer.read(() => undefined),
    onFault,
  });
  const releases = createReleaseDesk({ writer, spool, keeper, verify });
  const witnesses = createWitnesses({
    ...{ log, writer, now, sign: options.sign },
    onDispute: options.onDispute,
  });
  const transfers = createTransfers({ writer, spool, keeper, onFault });
  let ticker: NodeJS.Timeout | undefined;

  return {
    state,
    writer,
    feed,
    presence,
    handlers: turnAway(state.fleet, {
      ...membership,
      ...nodeReports,
      ...transfers,
      release: releases.piece,
      witness: witnesses.answer,
    }),
    artifacts: keeper,
    releases,
    witnesses,
    async begin(version) {
      const started = { $case: "coordinatorStarted" as const, value: { version } };
      await writer.decide(() => ({ events: [started], value: undefined }));
      await writer.decide((it) => decideUncertain(it.budget));
    },
    async resume() {
      options.access.shut(state.fleet.voidKeys);
      await dispatcher.resume();
      updater.resume();
      ticker = setInterval(() => {
        writer
          .decide((it, nowMs) => ({ events: decideTick(it, nowMs, starts), value: undefined }))
          .catch(onFault);
        decideFleet(decideRetired).catch(onFault);
      }, schedulerLimits.tickMs);
      keepHistory({
        history: log.history,
        retention: options.retention,
        remove: (runs) => writer.decide(() => ({ events: [removed(runs)], value: undefined })),
        now,
        sleep,
        signal: closing.signal,
        onFault,
      }).catch(onFault);
      const { payloadMaxAgeMs: maxAgeMs } = options.retention;
      const pause = () => sleep(historyLimits.payloadPauseMs, closing.signal);
      keepPayloads({
        pass: maxAgeMs === null ? null : createPayloadPass({ log, writer, maxAgeMs, now, pause }),
        purge: log.purge,
        sleep,
        signal: closing.signal,
        onFault,
        ...(options.payloadsEveryMs === undefined ? {} : { everyMs: options.payloadsEveryMs }),
      }).catch(onFault);
    },
    close() {
      closing.abort();
      clearInterval(ticker);
      dispatcher.close();
      updater.close();
      presence.close();
      transfers.close();
      keeper.close();
    },
  };
}

const endsCalls: ReadonlySet<Event["$case"]> = new Set([
  "attemptEnded",
  "stepEnded",
  "tokenRevoked",
  "nodeRevoked",
  "nodeQuarantined",
]);

/** Keys in hex, with the time from which they are worth nothing. */
function keysMadeVoid(recorded: readonly Recorded[]): Map<string, number> {
  return new Map(
    recorded.flatMap(({ event, atMs }) =>
      "natsKeys" in event.value
        ? event.value.natsKeys.map((key): [string, number] => [toHex(key), atMs])
        : [],
    ),
  );
}

/** One that trusts none is told too; what it trusts that we do not know, it must not lose by us. */
function releaseKeysFor(
  { keys }: Rollouts,
  sign: CoreOptions["sign"],
  node: string,
  trusted: Uint8Array,
): Signed | undefined {
  const latest = keys.at(-1);
  if (latest === undefined || equalBytes(latest.key, trusted)) return undefined;
  const payload = ReleaseKeys.encode({ keys: [...keys] }).finish();
  return sign(subjects.down(node, "keys"), payload);
}

function removed(runs: readonly EndedRun[]): Event {
  const value = {
    runs: runs.map(({ run }) => run),
    firstSeq: Math.min(...runs.map(({ startedSeq }) => startedSeq)),
    lastSeq: Math.max(...runs.map(({ seq }) => seq)),
    endedMs: Math.max(...runs.map(({ endedMs }) => endedMs)),
  };
  return { $case: "historyRemoved", value };
}

function lookupsOf(state: State): Omit<ProxyLookups, "writer" | "onFault"> {
  const { catalogue, fleet, runs, stepTokens } = state;
  return {
    nodeIsEnrolled: (node) => (fleet.nodes.get(node)?.state ?? "invited") !== "invited",
    assertNotBarred: (node) => assertNotBarred(fleet, node),
    attemptIsLive: (attempt, node) => findActive(runs, attempt)?.node === node,
    tokenIsRevoked: (attempt) => isRevoked(stepTokens, attempt),
    service: (name) => serviceNamed(catalogue, name),
    calling: (attempt) => callerOf(state, attempt),
  };
}
