import { copyFileSync, existsSync, readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createKeyFile } from "../../src/vault/key-file.ts";
import type { VaultKey } from "../../src/vault/key-method.ts";
import { machineKeyCredential, machineKeyFile } from "../../src/vault/machine-key.ts";
import { createVault, openVault, type Vault } from "../../src/vault/vault.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import {
  machine,
  newKeyFile,
  path,
  read,
  rowsOf,
  set,
  temporaryVault,
  withSql,
} from "./samples.ts";

const wrong = { code: "VAULT_KEY_WRONG" };
const actor = "operator";

const passphrase = (text: string): VaultKey => ({
  kind: "passphrase",
  passphrase: Buffer.from(text),
});
const keyOf = (file: string): VaultKey => ({ kind: "key-file", key: readFileSync(file) });

describe("the key that secrets open with", () => {
  it("changes from the machine's to a key file, a passphrase, another, and back", async () => {
    const { file, machineKey, vault } = await temporaryVault();
    set(vault, "value");
    const stick = newKeyFile();
    const ways: [VaultKey, VaultKey, () => VaultKey][] = [
      [machine, keyOf(stick), () => keyOf(stick)],
      [keyOf(stick), passphrase("six words by chance"), () => passphrase("six words by chance")],
      [
        passphrase("six words by chance"),
        passphrase("six other words"),
        () => passphrase("six other words"),
      ],
      [passphrase("six other words"), machine, () => machine],
    ];
    let vaultNow: Vault = vault;
    for (const [former, next, key] of ways) {
      await vaultNow.changeKey({ former, next, actor });
      expect(vaultNow.kind).toBe(next.kind);
      expect(await read(vaultNow)).toBe("value");
      vaultNow.close();
      vaultNow = openVault(file, machineKey);
      await vaultNow.unseal(key());
      expect(await read(vaultNow)).toBe("value");
    }
    vaultNow.close();
  });

  it("is not opened by the key of before, and what wraps it so is gone from the file", async () => {
    const { file, machineKey, vault } = await temporaryVault();
    const [first, second] = [newKeyFile(), newKeyFile()];
    await vault.changeKey({ former: machine, next: keyOf(first), actor });
    const root = () =>
      rowsOf<{ sealed: Buffer }>(file, "SELECT sealed FROM root_keys WHERE ring = 'secrets'")[0]
        ?.sealed ?? Buffer.alloc(0);
    const former = root();
    await vault.changeKey({ former: keyOf(first), next: keyOf(second), actor });
    for (const part of [file, `${file}-wal`]) {
      expect(readFileSync(part).includes(former)).toBe(false);
    }
    vault.close();
    const again = openVault(file, machineKey);
    await expect(again.unseal(keyOf(first))).rejects.toMatchObject(wrong);
    await expect(again.unseal(machine)).rejects.toMatchObject(wrong);
    await again.unseal(keyOf(second));
    again.close();
  });

  it("stays when what opens them now was not shown, or the new one is too weak", async () => {
    const { vault } = await temporaryVault();
    const [first, second] = [newKeyFile(), newKeyFile()];
    await vault.changeKey({ former: machine, next: keyOf(first), actor });
    const before = vault.changes.mark();
    const tries: [VaultKey, VaultKey, string][] = [
      [keyOf(second), keyOf(second), "VAULT_KEY_WRONG"],
      [machine, keyOf(second), "VAULT_KEY_WRONG"],
      [keyOf(first), passphrase("too short"), "USAGE"],
      [keyOf(first), { kind: "key-file", key: Buffer.alloc(31, 1) }, "USAGE"],
    ];
    for (const [former, next, code] of tries) {
      await expect(vault.changeKey({ former, next, actor })).rejects.toMatchObject({ code });
      for (const key of [former, next]) {
        const bytes = "key" in key ? key.key : "passphrase" in key ? key.passphrase : Buffer.of(0);
        expect(bytes.every((byte) => byte === 0)).toBe(true);
      }
    }
    expect(vault.changes.mark()).toEqual(before);
    vault.close();
  });
});

describe("the key of the machine", () => {
  it("is replaced by another file, under which all opens", async () => {
    const { file, keyFile, machineKey, vault } = await temporaryVault();
    set(vault, "value");
    const seed = vault.internal("seed", () => Buffer.from("a seed"));
    const former = temporaryPath("former.key");
    copyFileSync(keyFile, former);
    vault.changeMachineKey(actor);
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    expect(readFileSync(keyFile)).not.toEqual(readFileSync(former));
    expect(existsSync(`${keyFile}.next`)).toBe(false);
    vault.close();
    expect(() => openVault(file, machineKeyFile(former))).toThrow(expect.objectContaining(wrong));
    const again = openVault(file, machineKey);
    await again.unseal(machine);
    expect(await read(again)).toBe("value");
    expect(again.internal("seed", () => Buffer.of(1))).toEqual(seed);
    again.close();
  });

  it("leaves secrets alone that open with another", async () => {
    const { file, machineKey, vault } = await temporaryVault();
    const stick = newKeyFile();
    await vault.changeKey({ former: machine, next: keyOf(stick), actor });
    vault.changeMachineKey(actor);
    vault.close();
    const again = openVault(file, machineKey);
    await again.unseal(keyOf(stick));
    again.close();
  });

  it("is the next one when the process ended before that took its place", async () => {
    const { file, keyFile, vault } = await temporaryVault();
    const seed = vault.internal("seed", () => Buffer.from("a seed"));
    vault.close();
    const cutOff = { ...machineKeyFile(keyFile), promote: () => {} };
    const dying = openVault(file, cutOff);
    dying.changeMachineKey(actor);
    dying.close();
    expect(existsSync(`${keyFile}.next`)).toBe(true);
    const again = openVault(file, machineKeyFile(keyFile));
    expect(again.internal("seed", () => Buffer.of(1))).toEqual(seed);
    expect(existsSync(`${keyFile}.next`)).toBe(false);
    again.close();
    openVault(file, machineKeyFile(keyFile)).close();
  });

  it("is the former one when the process ended before the vault was wrapped anew", async () => {
    const { file, keyFile, machineKey, vault } = await temporaryVault();
    vault.close();
    createKeyFile(`${keyFile}.next`);
    openVault(file, machineKey).close();
    expect(existsSync(`${keyFile}.next`)).toBe(false);
  });

  it("can be a credential of systemd's, whose successor the service is given first", async () => {
    const key = newKeyFile();
    const folder = temporaryPath("");
    const environment = { CREDENTIALS_DIRECTORY: folder };
    copyFileSync(key, `${folder}/vault-key`);
    const file = temporaryPath("vault.db");
    const credential = machineKeyCredential("vault-key", environment);
    const vault = await createVault(file, credential);
    expect(() => vault.changeMachineKey(actor)).toThrow(expect.objectContaining({ code: "USAGE" }));
    copyFileSync(newKeyFile(), `${folder}/vault-key.next`);
    vault.changeMachineKey(actor);
    vault.close();
    openVault(file, credential).close();
    copyFileSync(`${folder}/vault-key.next`, `${folder}/vault-key`);
    const renewed = openVault(file, credential);
    await renewed.unseal(machine);
    renewed.close();
  });

  it.each([
    ["none was given", "vault-key", {}],
    ["the name climbs", "../vault-key", { CREDENTIALS_DIRECTORY: "/run" }],
  ])("is refused as a credential when %s", (_, name, environment) => {
    expect(() => machineKeyCredential(name, environment)).toThrow(
      expect.objectContaining({ code: "SETUP_FAILED" }),
    );
  });
});

describe("a data key", () => {
  const oldRows = (file: string, number: number) =>
    rowsOf(
      file,
      `SELECT 1 FROM secrets WHERE data_key < ${number}
      UNION ALL SELECT 1 FROM internals WHERE data_key < ${number}`,
    ).length;

  it("is replaced for all that there is, whenever the process ends on the way", async () => {
    const { file, machineKey, vault } = await temporaryVault();
    for (let at = 0; at < 100; at++) set(vault, `value ${at}`, { path: `a/k${at}` });
    set(vault, "value");
    const seed = vault.internal("seed", () => Buffer.from("a seed"));
    vault.changeDataKey(actor);
    set(vault, "set meanwhile", { path: "b/k" });
    vault.close();
    let lives = 0;
    for (let left = Number.POSITIVE_INFINITY; left > 0; lives++) {
      const life = openVault(file, machineKey);
      await life.unseal(machine);
      life.resealSome();
      left = life.dataKey.resealLeft;
      expect(await read(life)).toBe("value");
      expect(life.internal("seed", () => Buffer.of(1))).toEqual(seed);
      life.close();
    }
    expect(lives).toBeGreaterThan(3);
    expect(oldRows(file, 2)).toBe(0);
    const last = openVault(file, machineKey);
    await last.unseal(machine);
    last.resealSome();
    expect(rowsOf(file, "SELECT DISTINCT number FROM data_keys")).toEqual([{ number: 2 }]);
    for (let at = 0; at < 100; at++) expect(await read(last, `a/k${at}`)).toBe(`value ${at}`);
    expect(await read(last, "b/k")).toBe("set meanwhile");
    const { generation } = last.changes.mark();
    last.resealSome();
    expect(last.changes.mark().generation).toBe(generation);
    last.close();
  });

  it("stays as long as a row that was changed cannot be brought under the next", async () => {
    const { file, vault } = await temporaryVault();
    set(vault, "value");
    set(vault, "other", { path: "a/b" });
    const damaged = `UPDATE secrets SET sealed = x'00' WHERE path = '${path}'`;
    withSql(file, damaged);
    vault.changeDataKey(actor);
    for (let turn = 0; turn < 3; turn++) vault.resealSome();
    expect(vault.dataKey.resealLeft).toBe(1);
    expect(await read(vault, "a/b")).toBe("other");
    expect(rowsOf(file, "SELECT DISTINCT number FROM data_keys")).toHaveLength(2);
    vault.delete(path, actor, 7);
    vault.resealSome();
    expect(rowsOf(file, "SELECT DISTINCT number FROM data_keys")).toEqual([{ number: 2 }]);
    vault.close();
  });

  it("counts what it has encrypted", async () => {
    const { vault } = await temporaryVault();
    for (let at = 0; at < 3; at++) set(vault, "value");
    expect(vault.dataKey).toMatchObject({ number: 1, uses: 3 });
    vault.changeDataKey(actor);
    expect(vault.dataKey).toMatchObject({ number: 2, uses: 0, resealLeft: 1 });
    vault.resealSome();
    expect(vault.dataKey).toMatchObject({ uses: 1, resealLeft: 0 });
    vault.close();
  });
});
