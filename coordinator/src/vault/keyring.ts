import { type Envelope, openEnvelope, sealEnvelope } from "./envelope.ts";
import { type KeyMethod, wrongKey } from "./key-method.ts";
import { asBuffer, sodium } from "./sodium.ts";

/** Of the two things in the vault, each with keys of its own: the coordinator's own keys, and secrets. */
export type Ring = "own" | "secrets";

/** The keys of one ring, in memory alone. Wiped when it is sealed again. */
export interface Keyring {
  /** The data key that is sealed with now. Keys belong to the keyring: not to be kept or wiped. */
  readonly current: { readonly number: number; readonly key: Buffer };
  readonly dataKey: (number: number) => Buffer | undefined;
  /** A new random data key with the number, wrapped; not yet used. */
  readonly wrapDataKey: (number: number) => Envelope;
  /** The keyring of the same root key over other data keys. */
  readonly reopened: (wrapped: WrappedKeys) => Keyring;
  /** 32 bytes that depend on the root key and the purpose alone, to be wiped by the caller. */
  readonly derive: (purpose: string) => Buffer;
  /** The same for hashes of one kind, which come often: it belongs to the keyring, not to be kept or wiped. */
  readonly hashKey: (purpose: string) => Buffer;
  readonly wipe: () => void;
}

export interface WrappedRoot extends Envelope {
  readonly method: KeyMethod;
}

/** What the vault's file keeps of a ring's keys. */
export interface WrappedKeys {
  readonly root: WrappedRoot;
  /** By number, from 1. The highest is the current one. */
  readonly dataKeys: ReadonlyMap<number, Envelope>;
}

/** New random keys, the root key wrapped by `key` and the first data key by the root key. */
export function createKeys(ring: Ring, key: Uint8Array, method: KeyMethod): WrappedKeys {
  const root = asBuffer(sodium.randombytes_buf(keyBytes));
  try {
    return {
      root: { method, ...sealEnvelope(key, root, rootContext(ring, method)) },
      dataKeys: new Map([[1, wrapNewDataKey(ring, root, 1)]]),
    };
  } finally {
    root.fill(0);
  }
}

/** The same root key under another key. Throws VAULT_KEY_WRONG. */
export function rewrapRoot(
  ring: Ring,
  wrapped: WrappedRoot,
  former: Uint8Array,
  next: { readonly key: Uint8Array; readonly method: KeyMethod },
): WrappedRoot {
  const root = openEnvelope(former, wrapped, rootContext(ring, wrapped.method));
  if (root === null) throw wrongKey();
  try {
    const { key, method } = next;
    return { method, ...sealEnvelope(key, root, rootContext(ring, method)) };
  } finally {
    root.fill(0);
  }
}

/** Throws VAULT_KEY_WRONG, also when the wrapped keys themselves were changed: the two look alike. */
export function openKeys(ring: Ring, key: Uint8Array, wrapped: WrappedKeys): Keyring {
  const root = openEnvelope(key, wrapped.root, rootContext(ring, wrapped.root.method));
  if (root === null) throw wrongKey();
  return keyringOf(ring, root, wrapped);
}

/** The root key is the keyring's from here on. */
function keyringOf(ring: Ring, root: Buffer, wrapped: WrappedKeys): Keyring {
  const dataKeys = new Map<number, Buffer>();
  const hashKeys = new Map<string, Buffer>();
  const wipe = () => {
    for (const secret of [root, ...dataKeys.values(), ...hashKeys.values()]) secret.fill(0);
  };
  try {
    openDataKeys(ring, root, wrapped, dataKeys);
    const number = Math.max(...dataKeys.keys());
    return {
      current: { number, key: dataKeys.get(number) as Buffer },
      dataKey: (it) => dataKeys.get(it),
      wrapDataKey: (it) => wrapNewDataKey(ring, root, it),
      reopened: (changed) => keyringOf(ring, Buffer.from(root), changed),
      derive: (purpose) => subkey(root, `derived/${purpose}`),
      hashKey(purpose) {
        const key = hashKeys.get(purpose) ?? subkey(root, `derived/hash/${purpose}`);
        hashKeys.set(purpose, key);
        return key;
      },
      wipe,
    };
  } catch (error) {
    wipe();
    throw error;
  }
}

function openDataKeys(
  ring: Ring,
  root: Buffer,
  wrapped: WrappedKeys,
  into: Map<number, Buffer>,
): void {
  const wrappingKey = subkey(root, wrapping);
  try {
    for (const [number, envelope] of wrapped.dataKeys) {
      const dataKey = openEnvelope(wrappingKey, envelope, dataKeyContext(ring, number));
      if (dataKey === null) throw wrongKey(`Data key ${number} was changed: restore a backup.`);
      into.set(number, dataKey);
    }
    if (into.size === 0) throw wrongKey("The data keys are missing: restore a backup.");
  } finally {
    wrappingKey.fill(0);
  }
}

function wrapNewDataKey(ring: Ring, root: Buffer, number: number): Envelope {
  const wrappingKey = subkey(root, wrapping);
  const dataKey = asBuffer(sodium.randombytes_buf(keyBytes));
  try {
    return sealEnvelope(wrappingKey, dataKey, dataKeyContext(ring, number));
  } finally {
    for (const secret of [wrappingKey, dataKey]) secret.fill(0);
  }
}

/** Keyed BLAKE2b-256: the purposes are one another's domain separation. */
function subkey(key: Uint8Array, purpose: string): Buffer {
  return asBuffer(sodium.crypto_generichash(keyBytes, purpose, key));
}

const keyBytes = 32;
const wrapping = "wrapping/data-key";

function rootContext(ring: Ring, method: KeyMethod) {
  return { purpose: "root-key", ring, ...method };
}

function dataKeyContext(ring: Ring, number: number) {
  return { purpose: "data-key", ring, number };
}
