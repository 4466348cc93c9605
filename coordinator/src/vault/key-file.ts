import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { CohortError, refuse } from "@cohort/proto/problem";
import { asBuffer, sodium } from "./sodium.ts";

export const keyFileBytes = 32;

/** Writes a new random key, on disk when this returns. Throws SETUP_FAILED; an existing file is never overwritten. */
export function createKeyFile(path: string): void {
  const key = asBuffer(sodium.randombytes_buf(keyFileBytes));
  try {
    const file = openSync(path, "wx", 0o600);
    try {
      fchmodSync(file, 0o600);
      writeSync(file, key);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw refuse(
      "SETUP_FAILED",
      `the key file ${path} cannot be written: ${reasonOf(cause)}`,
      {},
      cause,
    );
  } finally {
    key.fill(0);
  }
}

/**
 * The key, to be wiped by the caller. Throws VAULT_KEY_WRONG when the file is missing, is not a
 * regular file of this user or of root, can be read by others, or has another length.
 */
export function readKeyFile(path: string): Buffer {
  return readKey(path, (mode) => {
    if ((mode & 0o077) !== 0) throw unfit(path, "can be read by others", `chmod 600 ${path}`);
  });
}

/** The same of a systemd credential, whose folder only the service can enter, whatever the file's mode. */
export function readCredential(path: string): Buffer {
  return readKey(path, () => {});
}

function readKey(path: string, checkMode: (mode: number) => void): Buffer {
  const key = Buffer.alloc(keyFileBytes + 1);
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      checkMode(checkFile(path, file));
      const length = readSync(file, key);
      if (length !== keyFileBytes) throw unfit(path, `has not ${keyFileBytes} bytes`);
    } finally {
      closeSync(file);
    }
    return Buffer.from(key.subarray(0, keyFileBytes));
  } catch (cause) {
    if (cause instanceof CohortError) throw cause;
    throw refuse(
      "VAULT_KEY_WRONG",
      `the key file ${path} cannot be read: ${reasonOf(cause)}`,
      {},
      cause,
    );
  } finally {
    key.fill(0);
  }
}

/** Its mode. Of the opened file, so that it cannot be exchanged between check and reading. */
function checkFile(path: string, file: number): number {
  const { mode, uid, size } = fstatSync(file);
  if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw unfit(path, "is not a regular file");
  if (uid !== 0 && uid !== process.getuid?.()) throw unfit(path, "belongs to another user");
  if (size !== keyFileBytes) throw unfit(path, `has not ${keyFileBytes} bytes`);
  return mode;
}

function unfit(path: string, reason: string, hint = ""): CohortError {
  return refuse("VAULT_KEY_WRONG", `the key file ${path} ${reason}`, { hint });
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
