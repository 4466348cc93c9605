import {
  type AttemptKey,
  EnrolReply,
  type EnrolRequest,
  type Facts,
  type Hello,
  HelloReply,
  type Signed,
  type UpdateReport,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { CohortError, refuse } from "@cohort/proto/problem";
import { enrolProof } from "@cohort/proto/proof";
import type { Logger } from "pino";
import { equalBytes } from "../fleet/bytes.ts";
import { decideEnrol, type EnrolCommand } from "../fleet/decide-enrol.ts";
import { decideFacts, decideHeartbeat } from "../fleet/decide-presence.ts";
import { decideRotate, wantsRotation } from "../fleet/decide-rotation.ts";
import { decideSession } from "../fleet/decide-session.ts";
import type { EnrolledNode, FleetState, NodeKeys } from "../fleet/fleet.ts";
import type { Decision } from "../state/decision.ts";
import type { Credentials } from "./credentials.ts";
import { meshLimits } from "./limits.ts";
import type { MeshHandlers } from "./mesh.ts";
import type { Presence } from "./presence.ts";

/** Runs a decision on the fleet through the single writer. */
export type DecideFleet = <T>(
  decision: (fleet: FleetState, nowMs: number) => Decision<T>,
) => Promise<T>;

export interface MembershipOptions {
  readonly decide: DecideFleet;
  readonly credentials: Credentials;
  readonly presence: Presence;
  /** Ed25519; refuses keys and signatures that are not canonical or of low order. */
  readonly verify: (message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array) => boolean;
  /** Whether an X25519 key can be sealed to; one of low order cannot. */
  readonly isBoxKey: (boxKey: Uint8Array) => boolean;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  /** "host:port" of nats-server, as nodes reach it. */
  readonly servers: readonly string[];
  /**
   * Records in one decision that the node is there, and compares what it holds with what it should
   * hold; gives the attempts that it must drop. Throws NODE_UNKNOWN, SESSION_OVER,
   * ISOLATION_INSUFFICIENT.
   */
  readonly welcome: (
    node: string,
    hello: Hello,
  ) => Promise<{
    readonly node: EnrolledNode;
    /** Those that the hello was signed by. */
    readonly keys: NodeKeys;
    readonly superseded: AttemptKey[];
  }>;
  /** Null for a node that is not enrolled. */
  readonly nodeNamed: (node: string) => EnrolledNode | null;
  /** Asks every process that has the node's keys to say hello. */
  readonly greet: (node: string) => Promise<void>;
  /** A node told what became of its update. */
  readonly updateReported: (node: string, report: UpdateReport) => Promise<void>;
  /** The keys that a node must know which trusts this one, signed for it; none where it is the latest. */
  readonly releaseKeysFor: (node: string, trusted: Uint8Array) => Signed | undefined;
  readonly now: () => number;
  readonly log: Logger;
}

export interface Membership
  extends Pick<MeshHandlers, "enrol" | "session" | "hello" | "rotate" | "heartbeat" | "facts"> {
  /**
   * To be told of every message of a node, not heartbeats alone: whichever is the first after a
   * silence brings the node back, for the next finds it watched again.
   */
  heard(node: string): void;
}

/** How machines become nodes, and how nodes come and go. */
export function createMembership(options: MembershipOptions): Membership {
  const { decide, credentials, presence, servers, welcome, now, log } = options;
  const { updateReported, releaseKeysFor } = options;
  const heard = (name: string) => {
    const known = presence.lastSeenMs(name) !== undefined;
    presence.seen(name);
    if (known) return;
    decide((fleet) => decideHeartbeat(fleet, name)).catch((error: unknown) => {
      log.error({ err: error, node: name }, "a node's return could not be recorded");
    });
  };
  const askedMs = new Map<string, number>();
  /** What it shows or is to do takes a hello: a heartbeat may be late, and is not answered. */
  const question = (name: string, instance: string) => {
    const node = options.nodeNamed(name);
    if (node === null || node.instance === "") return;
    if (instance === node.instance && !wantsRotation(node, now())) return;
    if (now() - (askedMs.get(name) ?? 0) < meshLimits.greetEveryMs) return;
    askedMs.set(name, now());
    options.greet(name).catch(() => {});
  };
  return {
    async enrol(request, invite) {
      const command = enrolCommand(request, invite, options);
      const outcome = await decide((fleet, nowMs) => decideEnrol(fleet, command, nowMs));
      if (outcome.kind === "refused") throw new CohortError([outcome.problem]);
      const { node } = outcome;
      const userJwt = await credentials.issueNodeJwt(node, command.natsKey, now());
      return EnrolReply.fromPartial({ node, userJwt, servers: [...servers] });
    },
    async session(name) {
      const session = await decide((fleet) => decideSession(fleet, name));
      return { problems: [], session };
    },
    async hello(name, hello) {
      const { node, keys, superseded } = await welcome(name, hello);
      if (hello.update !== undefined) await updateReported(name, hello.update);
      // It may have been given up since it was welcomed.
      heard(name);
      const nowMs = now();
      const userJwt = await credentials.issueNodeJwt(name, keys.natsKey, nowMs);
      return HelloReply.fromPartial({
        nowMs,
        heartbeatMs: limits.heartbeatMs,
        superseded,
        userJwt,
        releaseKeys: releaseKeysFor(name, hello.releaseKey),
        rotate: wantsRotation(node, nowMs),
      });
    },
    async rotate(name, request) {
      const command = { ...request, boxKeySound: options.isBoxKey(request.boxKey) };
      const { verify } = options;
      const key = await decide((fleet, nowMs) =>
        decideRotate(fleet, name, command, { verify, nowMs }),
      );
      return { problems: [], userJwt: await credentials.issueNodeJwt(name, key, now()) };
    },
    heartbeat(name, { instance }) {
      heard(name);
      question(name, instance);
    },
    async facts(name, { facts, update }) {
      heard(name);
      if (update !== undefined) await updateReported(name, update);
      await decide((fleet) => decideFacts(fleet, name, facts as Facts));
      return { problems: [] };
    },
    heard,
  };
}

/** The invite is the one that nats-server verified: a proof made for another must not pass. */
function enrolCommand(
  { secret, natsKey, signKey, boxKey, proof, natsProof, facts }: EnrolRequest,
  invite: string,
  { verify, isBoxKey, sha256 }: MembershipOptions,
): EnrolCommand {
  if (facts === undefined) throw refuse("USAGE", "the machine does not say what it is");
  const message = enrolProof({ invite, natsKey, signKey, boxKey });
  const proofValid =
    verify(message, proof, signKey) &&
    verify(message, natsProof, natsKey) &&
    // One that signs what servers send must sign nothing else.
    !equalBytes(natsKey, signKey) &&
    isBoxKey(boxKey);
  return { invite, secretHash: sha256(secret), natsKey, signKey, boxKey, facts, proofValid };
}
