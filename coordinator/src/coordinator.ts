import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import type { Logger } from "pino";
import { Spool } from "./artifacts/spool.ts";
import { definitionOf } from "./catalogue/catalogue.ts";
import { type ConsoleServer, startConsole } from "./console/server.ts";
import { createCore } from "./core.ts";
import { tokenKeyIds } from "./custody/custody.ts";
import { createOutbox } from "./dispatch/outbox.ts";
import { sleep } from "./dispatch/sleep.ts";
import { type EnrolledNode, instanceOf } from "./fleet/fleet.ts";
import { createIds } from "./ids.ts";
import { holdsCheckpoint } from "./ledger/ledger.ts";
import { LedgerKeys } from "./ledger/ledger-keys.ts";
import { startCommitThread } from "./log/commit-thread.ts";
import { openSqliteLog } from "./log/sqlite.ts";
import { createTurnEnd } from "./log/turn.ts";
import { createAccess } from "./mesh/access.ts";
import {
  createCredentials,
  issueArtifactCredential,
  issueCoordinatorCredential,
} from "./mesh/credentials.ts";
import { createInviter } from "./mesh/invitation.ts";
import { connectMesh, type Mesh } from "./mesh/mesh.ts";
import { createObjectStore } from "./mesh/object-store.ts";
import { createEgress } from "./proxy/egress/egress.ts";
import { ownAddresses, systemResolver } from "./proxy/egress/resolve.ts";
import { createProxy } from "./proxy/proxy.ts";
import { untilUnsealed } from "./proxy/until-unsealed.ts";
import { openSetup } from "./setup/setup.ts";
import type { State } from "./state/state.ts";
import { checkBoxKey, sealDelivery } from "./tokens/delivery.ts";
import { verifyStrictly } from "./tokens/foreign-signature.ts";
import { IssuedTokens } from "./tokens/issued-tokens.ts";
import { verifyRequestByAny } from "./tokens/request.ts";
import { createDispatchSigner, signDispatch } from "./tokens/signing.ts";
import { issueToken, openToken } from "./tokens/token.ts";
import { createTokenKeyring } from "./tokens/token-keyring.ts";
import type { Vault } from "./vault/vault.ts";
import { VaultDesk } from "./vault/vault-desk.ts";
import { version } from "./version.ts";

export interface CoordinatorOptions {
  /** Prepared by `initialise`. */
  readonly dataDir: string;
  /** Secrets sealed; closed with the coordinator. */
  readonly vault: Vault;
  readonly log: Logger;
  readonly now: () => number;
  /** The bundled program of the thread that writes the log. */
  readonly commitProgram: string;
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
  const { dataDir, vault, log, now, commitProgram, onFailure } = options;
  const setup = openSetup(dataDir, vault);
  const newId = createIds(now);
  const onFault = (error: unknown) => log.error({ err: error }, "a fault of the coordinator's own");

  const meshId = vault.internal("mesh/id", () => Buffer.from(newId())).toString();
  const ledgerKeys = new LedgerKeys(vault, `cohort/${meshId}`);
  const dispatchSeed = seedOf(vault, "dispatch/signing");
  const dispatchSigner = createDispatchSigner(dispatchSeed);
  dispatchSeed.fill(0);
  const derive = (purpose: string) => vault.derive(purpose);
  const tokenKeyring = createTokenKeyring({ mesh: meshId, derive });
  const tokenKeys = () => tokenKeyring.keys(tokenKeyIds(core.state.custody, now()));

  const turn = createTurnEnd();
  const path = join(dataDir, "cohort.db");
  const eventLog = openSqliteLog({
    path,
    signer: ledgerKeys.first,
    successors: ledgerKeys.successors,
    seedOf: (key) => ledgerKeys.seedOf(key),
    schedule: turn.commit,
    startThread: (edge, key) => {
      const seed = ledgerKeys.seedOf(key);
      const { name } = ledgerKeys.first;
      const thread = startCommitThread(commitProgram, { path, seed, name, edge });
      seed.fill(0);
      return thread;
    },
  });
  const objects = createObjectStore({
    servers: [setup.localServer],
    ca: setup.ca,
    credential: await issueArtifactCredential(setup.seeds.meshAccount),
    log,
  });
  const access = createAccess({
    servers: [setup.localServer],
    ca: setup.ca,
    seeds: setup.seeds,
    now,
    sleep,
    log,
  });
  const egress = createEgress({ resolve: systemResolver(), ownAddresses: ownAddresses() });
  const credentials = createCredentials(setup.seeds.meshAccount);
  const issuedTokens = new IssuedTokens();
  const sealToken = (node: EnrolledNode, attempt: AttemptKey, services: readonly string[]) => {
    const issuedMs = now();
    const expiresMs = issuedMs + limits.stepTokenLifetimeMs;
    const id = newId();
    issuedTokens.add(attempt, id);
    const claims = {
      id,
      node: node.node,
      attempt,
      services: [...services],
      issuedMs,
      expiresMs,
    };
    const token = issueToken({ keys: tokenKeys(), claims });
    return sealDelivery({
      token,
      boxKey: node.keys.boxKey,
      attempt,
      expiresMs,
      signer: dispatchSigner,
    });
  };

  const core = createCore({
    log: eventLog,
    now,
    newId,
    gather: turn.gather,
    // Nothing is sent before `resume`; the first connection stands by then.
    mesh: {
      dispatch: (...args) => mesh.dispatch(...args),
      cancel: (...args) => mesh.cancel(...args),
      greet: (...args) => mesh.greet(...args),
      update: (...args) => mesh.update(...args),
    },
    sealToken,
    sign: (subject, payload) => signDispatch(dispatchSigner, subject, payload),
    createProxy: (lookups, state) => {
      const proxy = createProxy({
        ...lookups,
        egress,
        vault,
        nowMs: now,
        sleep,
        newId,
        tokens: {
          openToken: (token) => openToken(tokenKeys(), token, now()),
          verifyRequest: async (node, request) => {
            const { keys, former } = enrolled(state, node);
            const others = former === null ? [] : [former.signKey];
            return verifyRequestByAny(request, [keys.signKey, ...others], now());
          },
        },
      });
      return untilUnsealed(proxy, {
        ...lookups,
        unsealed: (isWanted) => vaultDesk.unsealed(isWanted),
      });
    },
    membership: {
      credentials,
      servers: setup.servers,
      sha256,
      verify,
      isBoxKey,
      log,
    },
    sleep,
    access,
    retention: setup.config.history,
    artifacts: { objects, spool: new Spool(join(dataDir, "artifacts")) },
    onFailure,
    onFault,
    onDispute: (node, reason) =>
      log.error({ code: "LEDGER_FORKED", node, reason }, "ALARM: the ledger is disputed"),
  });
  const { state, writer, feed, presence } = core;
  const ledger = {
    checkpoint: () => eventLog.checkpoint(),
    has: (note: string) => holdsCheckpoint(eventLog, note),
  };
  const vaultDesk = new VaultDesk({ vault, writer, ledger, now, sleep, onFault });
  const outbox = createOutbox(state.runs);
  feed.subscribe((change) => {
    if (change.kind !== "events") return;
    outbox.onEvents(change.recorded);
    issuedTokens.onEvents(change.recorded);
  });
  const inviteNode = createInviter({
    decide: (decision) => writer.decide((it, nowMs) => decision(it.fleet, nowMs)),
    credentials,
    servers: setup.servers,
    sha256,
    rootFingerprint: setup.rootFingerprint,
    coordinatorKey: dispatchSigner.publicKey,
    randomBytes,
    newUlid: newId,
  });

  if (eventLog.size === 0) {
    requireFirstStart(vault, dataDir);
    const value = {
      mesh: meshId,
      ledgerKey: ledgerKeys.first.publicKey,
      dispatchKey: dispatchSigner.publicKey,
      vault: vault.changes.mark(),
    };
    await writer.decide(() => ({ events: [{ $case: "meshCreated", value }], value: undefined }));
  }
  await core.begin(version);
  await vaultDesk.begin();

  const mesh: Mesh = await connectMesh({
    servers: [setup.localServer],
    ca: setup.ca,
    credential: await issueCoordinatorCredential(setup.seeds.meshAccount, setup.seeds.coordinator),
    handlers: core.handlers,
    instanceOf: (node) => instanceOf(state.fleet, node),
    sign: (subject, payload) => signDispatch(dispatchSigner, subject, payload).signature,
    log,
    now,
  });
  await core.resume();
  const console: ConsoleServer = await startConsole({
    writer,
    feed,
    artifacts: core.artifacts,
    releases: core.releases,
    witnesses: core.witnesses,
    verify,
    outbox,
    issuedTokens,
    stepLogs: eventLog.stepLogs,
    history: eventLog.history,
    retention: setup.config.history,
    log: eventLog,
    secrets: vault,
    vaultDesk,
    service: (name) => definitionOf(state.catalogue, "service", name),
    webhookKeys: vault,
    now,
    newId,
    invite: ({ name, labels }, actor) => inviteNode(name, labels, actor),
    seenMs: (node) => presence.lastSeenMs(node) ?? state.fleet.nodes.get(node)?.seenMs ?? 0,
    ledgerKeys,
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

  return {
    console: `localhost:${console.port}`,
    async close() {
      core.close();
      vaultDesk.close();
      await console.close();
      await mesh.close();
      await objects.close();
      await access.close();
      await egress.close();
      await eventLog.close();
      tokenKeyring.wipe();
      for (const seed of Object.values(setup.seeds)) seed.fill(0);
      vault.close();
    },
  };
}

function enrolled(state: State, name: string): EnrolledNode {
  const node = state.fleet.nodes.get(name);
  if (node === undefined || node.state === "invited") {
    throw refuse("TOKEN_WRONG_NODE", `no node named ${name} is enrolled`);
  }
  return node;
}

function verify(message: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean {
  return verifyStrictly(key, message, signature);
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
