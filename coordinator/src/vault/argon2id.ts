import { once } from "node:events";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { asBuffer } from "./sodium.ts";

/** The costs of Argon2id (RFC 9106), with the salt. */
export interface Argon2idParameters {
  readonly salt: Uint8Array;
  readonly passes: number;
  readonly memoryBytes: number;
}

/** libsodium's `MODERATE`, about a second; its salt has 16 bytes. */
export const argon2idCosts = { passes: 3, memoryBytes: 256 * 1024 * 1024 } as const;
export const argon2idSaltBytes = 16;

/**
 * A key of 32 bytes from a passphrase. It runs in a thread of its own: the event loop goes on, and
 * the memory, which WebAssembly could never give back, goes with the thread. Its copy of the passphrase is
 * wiped, and the key is moved here rather than copied.
 */
export async function argon2id(
  passphrase: Uint8Array,
  parameters: Argon2idParameters,
): Promise<Buffer> {
  const sodium = createRequire(import.meta.url).resolve("libsodium-wrappers-sumo");
  const workerData = { ...parameters, passphrase, sodium };
  const worker = new Worker(program, { eval: true, workerData, execArgv: [], env: {} });
  try {
    const [key] = (await once(worker, "message")) as [Uint8Array];
    return asBuffer(key);
  } finally {
    await worker.terminate();
  }
}

const program = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { passphrase, salt, passes, memoryBytes } = workerData;
  const sodium = require(workerData.sodium);
  sodium.ready.then(() => {
    const algorithm = sodium.crypto_pwhash_ALG_ARGON2ID13;
    const key = sodium.crypto_pwhash(32, passphrase, salt, passes, memoryBytes, algorithm);
    passphrase.fill(0);
    parentPort.postMessage(key, [key.buffer]);
  });
`;
