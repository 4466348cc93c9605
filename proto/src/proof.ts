import type { AttemptKey } from "../gen/cohort/node.ts";

/**
 * What signatures are made over. Each begins with a domain of its own, so that a signature made for
 * one purpose can never serve another; each field is length-prefixed (PASETO's PAE), so that no two
 * different lists of fields give the same bytes.
 */
const encoder = new TextEncoder();

export function enrolProof(fields: {
  invite: string;
  natsKey: Uint8Array;
  signKey: Uint8Array;
  boxKey: Uint8Array;
}): Uint8Array {
  return authenticationEncoding("cohort-enrol-v1", [
    encoder.encode(fields.invite),
    fields.natsKey,
    fields.signKey,
    fields.boxKey,
  ]);
}

/** By a node's sign key, so that a hello shows which keys it has. */
export function helloProof(fields: { node: string; session: number; instance: string }) {
  return authenticationEncoding("cohort-hello-v1", [
    encoder.encode(fields.node),
    encoder.encode(String(fields.session)),
    encoder.encode(fields.instance),
  ]);
}

/** By the key that is replaced and by those that take its place. */
export function rotateProof(fields: {
  node: string;
  formerSignKey: Uint8Array;
  natsKey: Uint8Array;
  signKey: Uint8Array;
  boxKey: Uint8Array;
}): Uint8Array {
  return authenticationEncoding("cohort-rotate-v1", [
    encoder.encode(fields.node),
    fields.formerSignKey,
    fields.natsKey,
    fields.signKey,
    fields.boxKey,
  ]);
}

/** By the coordinator over Dispatches or a Cancel; the subject binds it to one node and verb. */
export function dispatchProof(subject: string, payload: Uint8Array): Uint8Array {
  return authenticationEncoding("cohort-dispatch-v1", [encoder.encode(subject), payload]);
}

/** By the coordinator over an encoded TokenDelivery. */
export function tokenProof(payload: Uint8Array): Uint8Array {
  return authenticationEncoding("cohort-token-v1", [payload]);
}

/** By the release key over an encoded Release. */
export function releaseProof(payload: Uint8Array): Uint8Array {
  return authenticationEncoding("cohort-release-v1", [payload]);
}

/** By a release key over the one that takes its place. */
export function releaseKeyProof(key: Uint8Array): Uint8Array {
  return authenticationEncoding("cohort-release-key-v1", [key]);
}

/** By the key that signs a ledger's checkpoints, over the one that takes its place. */
export function ledgerKeyProof(origin: string, key: Uint8Array): Uint8Array {
  return authenticationEncoding("cohort-ledger-key-v1", [encoder.encode(origin), key]);
}

/** By the node over one proxied request; as RFC 9449 (DPoP), with the first piece of the body. */
export function requestProof(fields: {
  token: string;
  seq: number;
  atMs: number;
  service: string;
  method: string;
  path: string;
  headers: readonly { readonly name: string; readonly value: string }[];
  /** Whether pieces follow. */
  more: boolean;
  length?: number | undefined;
  bodyHash: Uint8Array;
}): Uint8Array {
  return authenticationEncoding("cohort-request-v2", [
    encoder.encode(fields.token),
    encoder.encode(String(fields.seq)),
    encoder.encode(String(fields.atMs)),
    encoder.encode(fields.service),
    encoder.encode(fields.method),
    encoder.encode(fields.path),
    encoder.encode(fields.more ? "more" : "whole"),
    encoder.encode(String(fields.length ?? "")),
    ...fields.headers.flatMap(({ name, value }) => [encoder.encode(name), encoder.encode(value)]),
    fields.bodyHash,
  ]);
}

/** By the node over a further piece of a request's body; `former` is the proof before it. */
export function pieceProof(fields: {
  former: Uint8Array;
  last: boolean;
  dataHash: Uint8Array;
}): Uint8Array {
  return authenticationEncoding("cohort-piece-v1", [
    fields.former,
    encoder.encode(fields.last ? "last" : "more"),
    fields.dataHash,
  ]);
}

/** What all attempts of an instance share, in one string: "RUN/step[0]"; their idempotency key. */
export function instanceId(key: Pick<AttemptKey, "run" | "step" | "instance">): string {
  return `${key.run}/${key.step}[${key.instance}]`;
}

/** The attempt in one string, for maps and logs: "RUN/step[0]#1". */
export function attemptId(key: AttemptKey): string {
  return `${instanceId(key)}#${key.attempt}`;
}

function authenticationEncoding(domain: string, fields: readonly Uint8Array[]): Uint8Array {
  const pieces = [encoder.encode(domain), ...fields];
  const total = pieces.reduce((sum, piece) => sum + 8 + piece.length, 8);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, pieces.length, true);
  let at = 8;
  for (const piece of pieces) {
    view.setUint32(at, piece.length, true);
    bytes.set(piece, at + 8);
    at += 8 + piece.length;
  }
  return bytes;
}
