import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import type { Logger } from "pino";
import { decideUncertain } from "./budget/settle.ts";
import { definitionOf, workflowAt } from "./catalogue/catalogue.ts";
import { type ConsoleServer, startConsole } from "./console/server.ts";
import { createDispatcher } from "./dispatch/dispatcher.ts";
import { createNodeReports } from "./dispatch/node-reports.ts";
import { sleep } from "./dispatch/sleep.ts";
import { decideSilence } from "./fleet/decide-presence.ts";
import type { EnrolledNode } from "./fleet/fleet.ts";
import { createIds } from "./ids.ts";
import { createCheckpointSigner } from "./ledger/ledger.ts";
import { openSqliteLog } from "./log/sqlite.ts";
import { createCredentials, issueCoordinatorCredential } from "./mesh/credentials.ts";
import { createInviter } from "./mesh/invitation.ts";
import { createMembership } from "./mesh/membership.ts";
import { connectMesh, type Mesh } from "./mesh/mesh.ts";
import { watchPresence } from "./mesh/presence.ts";
import { createEgress } from "./proxy/egress/egress.ts";
import { ownAddresses, systemResolver } from "./proxy/egress/resolve.ts";
import { createProxy } from "./proxy/proxy.ts";
import { decideWelcome } from "./scheduler/decide-welcome.ts";
import { schedulerLimits } from "./scheduler/limits.ts";
import { findActive } from "./scheduler/runs.ts";
import { decideTick } from "./scheduler/scheduler.ts";
import { openSetup } from "./setup/setup.ts";
import type { Decision } from "./state/decision.ts";
import { createFeed } from "./state/feed.ts";
import { applyEvent, emptyState } from "./state/state.ts";
import { createWriter, type Writer } from "./state/writer.ts";
import { checkBoxKey, sealDelivery } from "./tokens/delivery.ts";
import { verifyRequest, verifyStrictly } from "./tokens/request.ts";
import { createDispatchSigner, signDispatch } from "./tokens/signing.ts";
import { createTokenKeys, issueToken, openToken } from "./tokens/token.ts";
import type { Vault } from "./vault/vault.ts";
import { version } from "./version.ts";

export interface CoordinatorOptions {
  /** Prepared by `initialise`. */
  readonly dataDir: string;
  /** Unsealed; closed with the coordinator. */
  readonly vault: Vault;
  readonly log: Logger;
  readonly now: () => number;
  /** The event log cannot be written: the process must end, and start again from the log. */
  readonly onFailure: (error: unknown) => void;
}

export interface Coordinator {
  /** "host:port" of the console API. */
  readonly console: string;
  close(): Promise<void>;
}

/**
 * Wires the coordinator's parts together: the state from the log, the one writer, and around them
 * the adapters by which commands come in and effects go out. Nothing else knows how they meet.
 */
export async function createCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  const { dataDir, vault, log, now, onFailure } = options;
  const setup = openSetup(dataDir, vault);
  const newId = createIds(now);
  const onFault = (error: unknown) => log.error({ err: error }, "a fault of the coordinator's own");

  const meshId = vault.internal("mesh/id", () => Buffer.from(newId())).toString();
  const checkpoints = createCheckpointSigner(seedOf(vault, "ledger/signing"), `cohort/${meshId}`);
  const dispatchSigner = createDispatchSigner(seedOf(vault, "dispatch/signing"));
  const tokenKeys = createTokenKeys({
    mesh: meshId,
    derive: (purpose) => vault.derive(purpose),
    ids: ["1"],
  });

  const eventLog = openSqliteLog({ path: join(dataDir, "cohort.db"), signer: checkpoints });
  const state = emptyState();
  for (const { seq, atMs, event } of eventLog.entries(1)) {
    if (event !== undefined) applyEvent(state, { seq, atMs, event });
  }
  const feed = createFeed();
  const writer = createWriter({
    log: eventLog,
    state,
    now,
    onFailure,
    listen(recorded) {
      dispatcher.onEvents(recorded);
      feed.publish({ kind: "events", recorded });
    },
  });

  const egress = createEgress({ resolve: systemResolver(), ownAddresses });
  const proxy = createProxy({
    writer,
    egress,
    vault,
    newId,
    onFault,
    tokens: {
      openToken: (token) => openToken(tokenKeys, token, now()),
      verifyRequest: (node, request) =>
        verifyRequest(request, enrolled(writer, node).keys.signKey, now()),
    },
    nodeIsEnrolled: (node) => (state.fleet.nodes.get(node)?.state ?? "invited") !== "invited",
    attemptIsLive: (attempt, node) => findActive(state.runs, attempt)?.node === node,
    service: (name) => definitionOf(state.catalogue, "service", name),
    run(id) {
      const run = state.runs.byId.get(id);
      if (run === undefined) return null;
      const ceilingNanoUsd = workflowAt(state.catalogue, run.version).definition.budget ?? null;
      return { workflow: run.workflow, ceilingNanoUsd };
    },
  });

  const sealToken = (node: EnrolledNode, attempt: AttemptKey, services: readonly string[]) => {
    const issuedMs = now();
    const expiresMs = issuedMs + limits.stepTokenLifetimeMs;
    const claims = {
      id: newId(),
      node: node.node,
      attempt,
      services: [...services],
      issuedMs,
      expiresMs,
    };
    const token = issueToken({ keys: tokenKeys, claims });
    return sealDelivery({
      token,
      boxKey: node.keys.boxKey,
      attempt,
      expiresMs,
      signer: dispatchSigner,
    });
  };

  const dispatcher = createDispatcher({
    writer,
    // The dispatcher hears of events before the first connection stands; none is sent until then.
    mesh: {
      dispatch: (...args) => mesh.dispatch(...args),
      cancel: (...args) => mesh.cancel(...args),
    },
    sealToken,
    call: (attempt, work) => proxy.fromStep({ attempt, ...work }),
    sleep,
    onFault,
  });

  const decideFleet = <T>(decision: (fleet: typeof state.fleet, nowMs: number) => Decision<T>) =>
    writer.decide((it, nowMs) => decision(it.fleet, nowMs));
  const presence = watchPresence({
    connected: [...state.fleet.nodes.values()]
      .filter((it) => it.state === "connected")
      .map((it) => it.node),
    now,
    onSilent: (lastSeenMs) => {
      decideFleet((fleet, nowMs) => decideSilence(fleet, lastSeenMs, nowMs)).catch(onFault);
    },
  });
  const credentials = createCredentials(setup.seeds.meshAccount);
  const shared = { decide: decideFleet, credentials, servers: setup.servers, sha256 };
  const membership = createMembership({
    ...shared,
    presence,
    verify: (message, signature, key) => verifyStrictly(key, message, signature),
    isBoxKey,
    now,
    log,
    async welcome(node, hello) {
      const welcomed = await writer.decide((it) => decideWelcome(it, node, hello));
      dispatcher.resend(welcomed.resend);
      return welcomed;
    },
  });
  const inviteNode = createInviter({
    ...shared,
    rootFingerprint: setup.rootFingerprint,
    coordinatorKey: dispatchSigner.publicKey,
    randomBytes,
    newUlid: newId,
  });
  const reports = createNodeReports({
    writer,
    feed,
    stepLogs: eventLog.stepLogs,
    sealToken,
    proxy: (node, request) => proxy.fromNode(node, request),
    seen: membership.heard,
  });

  if (eventLog.size === 0) {
    requireFirstStart(vault, dataDir);
    const value = {
      mesh: meshId,
      ledgerKey: checkpoints.publicKey,
      dispatchKey: dispatchSigner.publicKey,
    };
    await writer.decide(() => ({ events: [{ $case: "meshCreated", value }], value: undefined }));
  }
  await writer.decide(() => ({
    events: [{ $case: "coordinatorStarted", value: { version } }],
    value: undefined,
  }));
  await writer.decide((it) => decideUncertain(it.budget));

  const mesh: Mesh = await connectMesh({
    servers: [setup.localServer],
    ca: setup.ca,
    credential: await issueCoordinatorCredential(setup.seeds.meshAccount, setup.seeds.coordinator),
    handlers: { ...membership, ...reports },
    sign: (subject, payload) => signDispatch(dispatchSigner, subject, payload).signature,
    log,
    now,
  });
  await dispatcher.resume();
  const console: ConsoleServer = await startConsole({
    writer,
    feed,
    stepLogs: eventLog.stepLogs,
    log: eventLog,
    vault,
    now,
    newId,
    invite: ({ name, labels }, actor) => inviteNode(name, labels, actor),
    seenMs: (node) => presence.lastSeenMs(node) ?? state.fleet.nodes.get(node)?.seenMs ?? 0,
    verifierKey: checkpoints.verifierKey,
    credentials: setup.config.credentials.map(({ role, tokenHash }) => ({
      name: role,
      role,
      tokenHash,
    })),
    tls: {
      certificate: Buffer.from(setup.certificateChain),
      key: Buffer.from(setup.certificateKey),
    },
    address: `${setup.config.nats.host}:${setup.config.console.port}`,
    onFault,
  });
  const ticker = setInterval(() => {
    writer
      .decide((it, nowMs) => ({ events: decideTick(it, nowMs), value: undefined }))
      .catch(onFault);
  }, schedulerLimits.tickMs);

  return {
    console: `localhost:${console.port}`,
    async close() {
      clearInterval(ticker);
      dispatcher.close();
      presence.close();
      await console.close();
      await mesh.close();
      await egress.close();
      eventLog.close();
      vault.close();
    },
  };
}

function enrolled({ state }: Writer, name: string): EnrolledNode {
  const node = state.fleet.nodes.get(name);
  if (node === undefined || node.state === "invited") {
    throw refuse("TOKEN_WRONG_NODE", `no node named ${name} is enrolled`);
  }
  return node;
}

function isBoxKey(key: Uint8Array): boolean {
  try {
    checkBoxKey(key);
    return true;
  } catch {
    return false;
  }
}

/**
 * An empty log beside a vault that has seen one begin is a log that was lost. To go on would be to
 * forget every budget and every act. Throws LEDGER_INVALID.
 */
function requireFirstStart(vault: Vault, dataDir: string): void {
  let first = false;
  vault.internal("ledger/begun", () => {
    first = true;
    return Buffer.from([1]);
  });
  if (first) return;
  throw refuse("LEDGER_INVALID", `the event log of ${dataDir} is gone`, {
    hint: "Restore cohort.db from a backup; for a new mesh, begin with an empty data folder.",
  });
}

/** A signing key's seed, made at the first start and kept in the vault. */
function seedOf(vault: Vault, name: string): Buffer {
  return vault.internal(name, () => randomBytes(32));
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
