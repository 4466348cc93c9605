import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { argon2id } from "../../src/vault/argon2id.ts";
import { createKeyFile, keyFileBytes, readKeyFile } from "../../src/vault/key-file.ts";
import { sodium } from "../../src/vault/sodium.ts";
import { createVault, openVault } from "../../src/vault/vault.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { keyFile, path, read, secretText, service, withSql } from "./samples.ts";

const passphrase = "six words chosen quite at random";

describe("a key file", () => {
  it("holds 32 random bytes for its owner alone, and is never overwritten", () => {
    const { path } = keyFile();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const before = readFileSync(path);
    expect(before).toHaveLength(keyFileBytes);
    expect(() => createKeyFile(path)).toThrow(expect.objectContaining({ code: "SETUP_FAILED" }));
    expect(readKeyFile(path)).toEqual(before);
    expect(readFileSync(keyFile().path)).not.toEqual(before);
  });

  it.each([0o640, 0o604, 0o620, 0o602, 0o610, 0o666])("is refused with mode %o", (mode) => {
    const { path } = keyFile();
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

describe("a passphrase", () => {
  it("opens the vault, is wiped, and another one does not open it", async () => {
    const file = temporaryPath("vault.db");
    const buffers = [
      Buffer.from(passphrase),
      Buffer.from(`${passphrase}!`),
      Buffer.from(passphrase),
    ];
    const [first, wrong, right] = buffers.map(
      (it) => ({ kind: "passphrase", passphrase: it }) as const,
    );
    const vault = await createVault(file, first ?? never());
    vault.set(path, Buffer.from(secretText), [service], 5);
    vault.close();
    const again = openVault(file);
    await expect(again.unseal(wrong ?? never())).rejects.toMatchObject({ code: "VAULT_KEY_WRONG" });
    await again.unseal(right ?? never());
    expect(await read(again)).toBe(secretText);
    again.close();
    for (const buffer of buffers) expect(buffer.every((byte) => byte === 0)).toBe(true);
    expect(readFileSync(file).includes(passphrase)).toBe(false);
  });

  it("is refused when it is short, and leaves no vault behind", async () => {
    const file = temporaryPath("vault.db");
    const short = { kind: "passphrase", passphrase: Buffer.from("eleven byte") } as const;
    await expect(createVault(file, short)).rejects.toMatchObject({ code: "USAGE" });
    expect(() => openVault(file)).toThrow(/cannot be opened/);
  });

  it("is not derived at costs below those of a new vault", async () => {
    const file = temporaryPath("vault.db");
    const source = () => ({ kind: "passphrase", passphrase: Buffer.from(passphrase) }) as const;
    (await createVault(file, source())).close();
    withSql(file, `UPDATE root_key SET method = json_set(method, '$.memoryBytes', 8192)`);
    const changed = openVault(file);
    await expect(changed.unseal(source())).rejects.toMatchObject({ code: "VAULT_KEY_WRONG" });
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
