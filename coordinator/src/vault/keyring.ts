import { type Envelope, openEnvelope, sealEnvelope } from "./envelope.ts";
import { type KeyMethod, wrongKey } from "./key-source.ts";
import { asBuffer, sodium } from "./sodium.ts";

/** The keys of an unsealed vault, in memory alone. Wiped when it is sealed again. */
export interface Keyring {
  /** The data key that new secrets are sealed with. Keys belong to the keyring: not to be kept or wiped. */
  readonly current: { readonly number: number; readonly key: Buffer };
  readonly dataKey: (number: number) => Buffer | undefined;
  /** 32 bytes that depend on the root key and the purpose alone, to be wiped by the caller. */
  readonly derive: (purpose: string) => Buffer;
  readonly wipe: () => void;
}

/** What the vault's file keeps of the keys. */
export interface WrappedKeys {
  readonly method: KeyMethod;
  readonly root: Envelope;
  /** By number, from 1. The highest is the current one. */
  readonly dataKeys: ReadonlyMap<number, Envelope>;
}

/** New random keys, the root key wrapped by `key` and the first data key by the root key. */
export function createKeys(key: Uint8Array, method: KeyMethod): WrappedKeys {
  const root = asBuffer(sodium.randombytes_buf(keyBytes));
  const wrappingKey = subkey(root, wrapping);
  const dataKey = asBuffer(sodium.randombytes_buf(keyBytes));
  try {
    return {
      method,
      root: sealEnvelope(key, root, rootContext(method)),
      dataKeys: new Map([[1, sealEnvelope(wrappingKey, dataKey, dataKeyContext(1))]]),
    };
  } finally {
    for (const secret of [root, wrappingKey, dataKey]) secret.fill(0);
  }
}

/** Throws VAULT_KEY_WRONG, also when the wrapped keys themselves were changed: the two look alike. */
export function openKeys(key: Uint8Array, wrapped: WrappedKeys): Keyring {
  const root = openEnvelope(key, wrapped.root, rootContext(wrapped.method));
  if (root === null) throw wrongKey();
  const dataKeys = new Map<number, Buffer>();
  const wipe = () => {
    for (const secret of [root, ...dataKeys.values()]) secret.fill(0);
  };
  try {
    openDataKeys(root, wrapped, dataKeys);
    const number = Math.max(...dataKeys.keys());
    return {
      current: { number, key: dataKeys.get(number) as Buffer },
      dataKey: (it) => dataKeys.get(it),
      derive: (purpose) => subkey(root, `derived/${purpose}`),
      wipe,
    };
  } catch (error) {
    wipe();
    throw error;
  }
}

function openDataKeys(root: Buffer, wrapped: WrappedKeys, into: Map<number, Buffer>): void {
  const wrappingKey = subkey(root, wrapping);
  try {
    for (const [number, envelope] of wrapped.dataKeys) {
      const dataKey = openEnvelope(wrappingKey, envelope, dataKeyContext(number));
      if (dataKey === null) throw wrongKey(`Data key ${number} was changed: restore a backup.`);
      into.set(number, dataKey);
    }
    if (into.size === 0) throw wrongKey("The data keys are missing: restore a backup.");
  } finally {
    wrappingKey.fill(0);
  }
}

/** Keyed BLAKE2b-256: the purposes are one another's domain separation. */
function subkey(key: Uint8Array, purpose: string): Buffer {
  return asBuffer(sodium.crypto_generichash(keyBytes, purpose, key));
}

const keyBytes = 32;
const wrapping = "wrapping/data-key";

function rootContext(method: KeyMethod) {
  return { purpose: "root-key", ...method };
}

function dataKeyContext(number: number) {
  return { purpose: "data-key", number };
}
