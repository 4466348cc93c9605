import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { refuse } from "@cohort/proto/problem";
import { createKeyFile, readCredential, readKeyFile } from "./key-file.ts";

/**
 * The key of the machine, which opens the coordinator's own keys at every start: a file beside its data,
 * or a credential that systemd hands to the service. The one that follows it lies beside it, under the
 * same name and `.next`, from before the vault is wrapped with it until it has taken its place: so that
 * there is a key for the vault whenever the power fails.
 */
export interface MachineKey {
  /** 32 bytes, to be wiped by the caller. Throws VAULT_KEY_WRONG. */
  read(): Buffer;
  /** The one that is to follow; null when there is none. */
  readNext(): Buffer | null;
  /** Makes the one that is to follow, anew. Throws SETUP_FAILED. */
  prepareNext(): void;
  /** The one that follows takes its place. */
  promote(): void;
  /** Of a rotation that did not come to the vault. */
  discardNext(): void;
}

export function machineKeyFile(path: string): MachineKey {
  const next = `${path}.next`;
  return {
    read: () => readKeyFile(path),
    readNext: () => (existsSync(next) ? readKeyFile(next) : null),
    prepareNext() {
      rmSync(next, { force: true });
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      createKeyFile(next);
      syncFolder(path);
    },
    promote() {
      renameSync(next, path);
      syncFolder(path);
    },
    discardNext: () => rmSync(next, { force: true }),
  };
}

/** https://systemd.io/CREDENTIALS. Its folder is read-only: who provides the credentials puts them in order. */
export function machineKeyCredential(
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
): MachineKey {
  const folder = environment["CREDENTIALS_DIRECTORY"];
  if (folder === undefined || folder === "" || !/^[A-Za-z0-9._-]+$/.test(name)) {
    throw refuse("SETUP_FAILED", `systemd gave this process no credential named ${name}`, {
      hint: `Let the unit say LoadCredentialEncrypted=${name}.`,
    });
  }
  const path = join(folder, name);
  const next = `${path}.next`;
  return {
    read: () => readCredential(path),
    readNext: () => (existsSync(next) ? readCredential(next) : null),
    prepareNext() {
      if (existsSync(next)) return;
      throw refuse("USAGE", `systemd gave this process no credential named ${name}.next`, {
        hint: `Make one of 32 random bytes, let the unit load it beside ${name}, restart, and ask again.`,
      });
    },
    promote: () => {},
    discardNext: () => {},
  };
}

function syncFolder(path: string): void {
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
