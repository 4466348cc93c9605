import { refuse } from "@cohort/proto/problem";
import { fromBase64, toBase64 } from "./bytes.ts";
import type { Host, KeyPair } from "./host.ts";

/** Random, made on the board, and never sent anywhere. */
export interface Seeds {
  /** Ed25519: authenticates the NATS connection, signs the server's challenges only. */
  readonly nats: Uint8Array;
  /** Ed25519: signs the enrolment and proxied requests. */
  readonly sign: Uint8Array;
  /** X25519: tokens are sealed to it. */
  readonly box: Uint8Array;
}

/** What the coordinator answered when the node joined. */
export interface Enrolment {
  readonly node: string;
  readonly userJwt: string;
  /** PEM of the mesh's root certificate. */
  readonly rootCa: string;
  readonly coordinatorKey: Uint8Array;
  readonly servers: readonly string[];
}

export interface Identity {
  readonly seeds: Seeds;
  /** Those that are to take their place: on the disk before the coordinator is told of them. */
  readonly next: Seeds | null;
  /** null between the making of the keys and the coordinator's answer. */
  readonly enrolment: Enrolment | null;
}

export interface Keys {
  readonly nats: KeyPair;
  readonly sign: KeyPair;
  readonly box: KeyPair;
}

export function deriveKeys(host: Host, seeds: Seeds): Keys {
  return {
    nats: host.crypto.signKeyPair(seeds.nats),
    sign: host.crypto.signKeyPair(seeds.sign),
    box: host.crypto.boxKeyPair(seeds.box),
  };
}

export function createIdentity(host: Host): Identity {
  return { seeds: createSeeds(host), next: null, enrolment: null };
}

export function createSeeds(host: Host): Seeds {
  return { nats: host.random(32), sign: host.random(32), box: host.random(32) };
}

/**
 * null when the folder holds none. Throws KEYS_EXPOSED when others may get at it, and SETUP_FAILED
 * when it cannot be read.
 */
export function loadIdentity(host: Host, directory: string): Identity | null {
  const bytes = host.files.read(identityPath(directory));
  if (bytes === null) return null;
  assertPrivate(host, directory);
  try {
    return parseIdentity(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw refuse(
      "SETUP_FAILED",
      `${identityPath(directory)} is not a node's identity`,
      {
        hint: "Restore the file, or delete it and join again under a new name.",
      },
      cause,
    );
  }
}

export function saveIdentity(host: Host, directory: string, identity: Identity): void {
  const { seeds, next, enrolment } = identity;
  const text = JSON.stringify({
    ...seedTexts(seeds),
    next: next === null ? null : seedTexts(next),
    enrolment:
      enrolment === null
        ? null
        : { ...enrolment, coordinatorKey: toBase64(enrolment.coordinatorKey) },
  });
  host.files.makeDirectory(directory, 0o700);
  host.files.writeAtomic(identityPath(directory), new TextEncoder().encode(`${text}\n`), 0o600);
}

/** What others could read they may have read; what they could write may be theirs. */
function assertPrivate(host: Host, directory: string): void {
  const rights = [
    { path: directory, mode: "700" },
    { path: identityPath(directory), mode: "600" },
  ];
  const exposed = rights.filter(({ path }) => host.files.isPrivate(path) === false);
  if (exposed.length === 0) return;
  const remedy = exposed.map(({ path, mode }) => `chmod ${mode} ${path}`).join(" && ");
  throw refuse("KEYS_EXPOSED", `others may read or change ${exposed[0]?.path}`, {
    hint: `${remedy}, as its owner; if others may have read it: cohort node rotate NAME`,
  });
}

function seedTexts({ nats, sign, box }: Seeds) {
  return { natsSeed: toBase64(nats), signSeed: toBase64(sign), boxSeed: toBase64(box) };
}

function identityPath(directory: string): string {
  return `${directory}/identity.json`;
}

function parseIdentity(text: string): Identity {
  const fields = JSON.parse(text) as Record<string, unknown>;
  const seeds = parseSeeds(fields);
  const pending = (fields["next"] ?? null) as Record<string, unknown> | null;
  const next = pending === null ? null : parseSeeds(pending);
  const enrolment = fields["enrolment"] as Record<string, unknown> | null;
  if (enrolment === null) return { seeds, next, enrolment: null };
  const servers = enrolment["servers"];
  if (!Array.isArray(servers) || servers.length === 0) throw new Error("servers missing");
  return {
    seeds,
    next,
    enrolment: {
      node: string(enrolment["node"]),
      userJwt: string(enrolment["userJwt"]),
      rootCa: string(enrolment["rootCa"]),
      coordinatorKey: key(enrolment["coordinatorKey"]),
      servers: servers.map(string),
    },
  };
}

function parseSeeds(fields: Record<string, unknown>): Seeds {
  return {
    nats: key(fields["natsSeed"]),
    sign: key(fields["signSeed"]),
    box: key(fields["boxSeed"]),
  };
}

function string(value: unknown): string {
  if (typeof value !== "string" || value === "") throw new Error("field missing");
  return value;
}

function key(value: unknown): Uint8Array {
  const bytes = fromBase64(string(value));
  if (bytes.length !== 32) throw new Error("not a key of 32 bytes");
  return bytes;
}
