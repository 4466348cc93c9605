import { createHash, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import type { NoteCrypto, NoteSigner } from "@cohort/proto/ledger/note";

/** The recursive definitions of RFC 6962 §2.1, against which the iterative code is held. */
export function treeHash(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256(new Uint8Array(0));
  if (leaves.length === 1) return sha256(Buffer.concat([Buffer.of(0), leaves[0] as Uint8Array]));
  const split = splitOf(leaves.length);
  return node(treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)));
}

/** PATH(m, D[n]) of §2.1.1. */
export function inclusionPath(index: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  if (leaves.length <= 1) return [];
  const split = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split
    ? [...inclusionPath(index, left), treeHash(right)]
    : [...inclusionPath(index - split, right), treeHash(left)];
}

/** PROOF(m, D[n]) of §2.1.2. */
export function consistencyPath(older: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  return subProof(older, leaves, true);
}

function subProof(older: number, leaves: readonly Uint8Array[], whole: boolean): Uint8Array[] {
  if (older === leaves.length) return whole ? [] : [treeHash(leaves)];
  const split = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return older <= split
    ? [...subProof(older, left, whole), treeHash(right)]
    : [...subProof(older - split, right, false), treeHash(left)];
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

export const crypto: NoteCrypto = {
  sha256,
  verify: (publicKey, message, signature) =>
    signature.length === 64 &&
    verify(
      null,
      message,
      { key: Buffer.concat([spkiPrefix, publicKey]), format: "der", type: "spki" },
      signature,
    ),
};

export function newSigner(name: string): NoteSigner {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { name, publicKey: rawKey(publicKey), sign: (message) => sign(null, message, privateKey) };
}

/** DER before the 32 bytes of an Ed25519 key (RFC 8410 §4). */
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

function rawKey(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: "der", type: "spki" }).subarray(spkiPrefix.length));
}

function node(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(Buffer.concat([Buffer.of(1), left, right]));
}

/** The largest power of two below `size`. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}
