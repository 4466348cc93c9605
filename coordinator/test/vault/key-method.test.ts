import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { argon2id } from "../../src/vault/argon2id.ts";
import { createKeyFile, keyFileBytes, readKeyFile } from "../../src/vault/key-file.ts";
import { machineKeyFile } from "../../src/vault/machine-key.ts";
import { sodium } from "../../src/vault/sodium.ts";
import { createVault, openVault } from "../../src/vault/vault.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { newKeyFile, read, secretText, set, withSql } from "./samples.ts";

const passphrase = "six words chosen quite at random";

describe("a key file", () => {
  it("holds 32 random bytes for its owner alone, and is never overwritten", () => {
    const path = newKeyFile();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const before = readFileSync(path);
    expect(before).toHaveLength(keyFileBytes);
    expect(() => createKeyFile(path)).toThrow(expect.objectContaining({ code: "SETUP_FAILED" }));
    expect(readKeyFile(path)).toEqual(before);
    expect(readFileSync(newKeyFile())).not.toEqual(before);
  });

  it.each([0o640, 0o604, 0o620, 0o602, 0o610, 0o666])("is refused with mode %o", (mode) => {
    const path = newKeyFile();
    chmodSync(path, mode);
    expect(() => readKeyFile(path)).toThrow(
      expect.objectContaining({
        code: "VAULT_KEY_WRONG",
        message: expect.stringContaining("others"),
      }),
    );
  });

  it.each([0, 31, 33, 4096])("is refused with %i bytes", (length) => {
    const path = temporaryPath("vault.key");
    writeFileSync(path, Buffer.alloc(length), { mode: 0o600 });
    expect(() => readKeyFile(path)).toThrow("has not 32 bytes");
  });

  it("is refused when it is missing, a folder, or a pipe, without waiting for a writer", () => {
    const path = temporaryPath("vault.key");
    expect(() => readKeyFile(path)).toThrow(/cannot be read/);
    expect(() => readKeyFile(dirname(path))).toThrow("is not a regular file");
    execFileSync("mkfifo", ["-m", "600", path]);
    expect(() => readKeyFile(path)).toThrow("is not a regular file");
  });
});

const withPassphrase = (text: string) =>
  ({ kind: "passphrase", passphrase: Buffer.from(text) }) as const;

describe("a passphrase", () => {
  it("opens the vault, is wiped, and another one does not open it", async () => {
    const file = temporaryPath("vault.db");
    const machine = machineKeyFile(newKeyFile());
    const [first, wrong, right] = [passphrase, `${passphrase}!`, passphrase].map(withPassphrase);
    const vault = await createVault(file, machine, first);
    expect(vault).toMatchObject({ sealed: true, kind: "passphrase" });
    await expect(vault.unseal({ kind: "machine" })).rejects.toMatchObject({
      code: "VAULT_KEY_WRONG",
    });
    await expect(vault.unseal(wrong ?? never())).rejects.toMatchObject({ code: "VAULT_KEY_WRONG" });
    await vault.unseal(right ?? never());
    set(vault, secretText);
    expect(await read(vault)).toBe(secretText);
    vault.close();
    for (const key of [first, wrong, right]) {
      expect(key?.passphrase.every((byte) => byte === 0)).toBe(true);
    }
    expect(readFileSync(file).includes(passphrase)).toBe(false);
  });

  it("is refused when it is short, wiped, and leaves no vault behind", async () => {
    const file = temporaryPath("vault.db");
    const machine = machineKeyFile(newKeyFile());
    const short = withPassphrase("eleven byte");
    await expect(createVault(file, machine, short)).rejects.toMatchObject({ code: "USAGE" });
    expect(short.passphrase.every((byte) => byte === 0)).toBe(true);
    expect(() => openVault(file, machine)).toThrow(/cannot be opened/);
  });

  it("is not derived at costs below those of a new vault", async () => {
    const file = temporaryPath("vault.db");
    const machine = machineKeyFile(newKeyFile());
    (await createVault(file, machine, withPassphrase(passphrase))).close();
    withSql(
      file,
      `UPDATE root_keys SET method = json_set(method, '$.memoryBytes', 8192) WHERE ring = 'secrets'`,
    );
    const changed = openVault(file, machine);
    const key = withPassphrase(passphrase);
    await expect(changed.unseal(key)).rejects.toMatchObject({ code: "VAULT_KEY_WRONG" });
    expect(key.passphrase.every((byte) => byte === 0)).toBe(true);
    changed.close();
  });

  it("becomes the key that libsodium's own Argon2id gives, off the event loop", async () => {
    const salt = new Uint8Array(16).fill(3);
    const costs = { passes: 1, memoryBytes: 64 * 1024 };
    const key = await argon2id(Buffer.from(passphrase), { ...costs, salt });
    const expected = sodium.crypto_pwhash(
      32,
      passphrase,
      salt,
      costs.passes,
      costs.memoryBytes,
      sodium.crypto_pwhash_ALG_ARGON2ID13,
    );
    expect(key).toEqual(Buffer.from(expected));
  });

  it("fails, and does not hang, when the derivation cannot be done", async () => {
    const impossible = { salt: new Uint8Array(3), passes: 1, memoryBytes: 64 * 1024 };
    await expect(argon2id(Buffer.from(passphrase), impossible)).rejects.toThrow(/salt/);
  });
});

function never(): never {
  throw new Error("not reached");
}
