import { readFileSync, statSync } from "node:fs";
import { limits } from "@cohort/proto/limits";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { machineKeyFile } from "../../src/vault/machine-key.ts";
import { sodium } from "../../src/vault/sodium.ts";
import { createVault, openVault } from "../../src/vault/vault.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import {
  machine,
  newKeyFile,
  path,
  read,
  rowsOf,
  secretText,
  service,
  set,
  temporaryVault,
  withSql,
} from "./samples.ts";

const unavailable = { code: "SECRET_UNAVAILABLE" };
const toService = { service, injection: "anywhere" };

describe("the vault", () => {
  it("lends a secret to the service that its policy names, also after it was opened again", async () => {
    const { file, machineKey, vault } = await temporaryVault();
    expect(set(vault, secretText, { services: [service, "desk"] })).toBe(1);
    expect(await read(vault)).toBe(secretText);
    vault.close();

    const again = openVault(file, machineKey);
    await again.unseal(machine);
    expect(await read(again)).toBe(secretText);
    expect(await read(again, path, "desk")).toBe(secretText);
    again.close();
  });

  it("gives back any bytes", async () => {
    const { vault } = await temporaryVault();
    const values = fc.uint8Array({ minLength: 1, maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(values, async (bytes) => {
        set(vault, Buffer.from(bytes));
        await vault.withSecret(path, toService, async (value) => {
          expect(new Uint8Array(value)).toEqual(bytes);
        });
      }),
    );
    vault.close();
  });

  it("lends the newest version alone, and destroys the one before it", async () => {
    const { file, vault } = await temporaryVault();
    set(vault, "first");
    expect(set(vault, "second", { services: ["other"], nowMs: 6 })).toBe(2);
    expect(await read(vault, path, "other")).toBe("second");
    await expect(read(vault)).rejects.toMatchObject(unavailable);
    vault.close();
    expect(rowsOf(file, "SELECT version FROM secrets")).toEqual([{ version: 2 }]);
  });

  it("lists paths, versions, times and services, and no value", async () => {
    const { vault } = await temporaryVault();
    set(vault, secretText, { path: "b/key", services: ["b", "a", "b"] });
    set(vault, secretText, { path: "a/key", services: ["a"], nowMs: 6 });
    set(vault, secretText, { path: "b/key", services: ["c"], nowMs: 7 });
    vault.internal("ledger-signing", () => Buffer.from(secretText));
    const rest = { bindings: [], formerVersion: 0, formerUntilMs: 0 };
    const listed = [
      { path: "a/key", version: 1, setMs: 6, services: ["a"], ...rest },
      { path: "b/key", version: 2, setMs: 7, services: ["c"], ...rest },
    ];
    expect(vault.list()).toEqual(listed);
    vault.seal();
    expect(vault.list()).toEqual(listed);
    vault.close();
  });

  it("wipes the value that it was given, and the one that it lent, even when the user of it fails", async () => {
    const { vault } = await temporaryVault();
    const given = Buffer.from(secretText);
    set(vault, "", { value: given });
    const refused = Buffer.from(secretText);
    expect(() => set(vault, "", { path: "no path", value: refused })).toThrow();
    let lent: Buffer = Buffer.alloc(0);
    const use = vault.withSecret(path, toService, async (value) => {
      lent = value;
      throw new Error("upstream gone");
    });
    await expect(use).rejects.toThrow("upstream gone");
    for (const buffer of [given, refused, lent]) {
      expect(buffer).toEqual(Buffer.alloc(secretText.length));
    }
    vault.close();
  });

  it("answers in the same words for a missing secret and for one that is not granted", async () => {
    const { vault } = await temporaryVault();
    set(vault, secretText);
    const missing = await problems(read(vault, "maintenance/other"));
    expect(await problems(read(vault, path, "desk"))).toEqual(missing);
    expect(await problems(read(vault, path, ""))).toEqual(missing);
    expect(missing).toMatchObject([unavailable]);
    vault.close();
  });

  it("does not lend what is the coordinator's own", async () => {
    const { vault } = await temporaryVault();
    const seed = vault.internal(path, () => Buffer.from(secretText));
    expect(vault.internal(path, () => Buffer.from("another"))).toEqual(seed);
    await expect(read(vault)).rejects.toMatchObject(unavailable);
    vault.close();
  });

  it("derives the same keys after it was opened again, another for each purpose and vault", async () => {
    const { file, machineKey, vault } = await temporaryVault();
    const keys = (it: typeof vault) => [
      it.derive("token/1"),
      it.derive("token/2"),
      it.derive("bodies"),
      it.keyedHash("bodies", Buffer.alloc(0)),
      it.keyedHash("bodies", Buffer.from("body")),
    ];
    const before = keys(vault).map((key) => key.toString("hex"));
    vault.close();
    const again = openVault(file, machineKey);
    await again.unseal(machine);
    expect(keys(again).map((key) => key.toString("hex"))).toEqual(before);
    again.close();
    const other = await temporaryVault();
    const all = [...before, ...keys(other.vault).map((key) => key.toString("hex"))];
    expect(new Set(all).size).toBe(10);
    expect(all.every((key) => key.length === 64)).toBe(true);
    other.vault.close();
  });

  it("wipes the value and says so when it cannot be written", async () => {
    const { file, vault } = await temporaryVault();
    withSql(
      file,
      `CREATE TRIGGER full BEFORE INSERT ON secrets
      BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`,
    );
    const value = Buffer.from(secretText);
    expect(() => set(vault, "", { value })).toThrow(
      expect.objectContaining({
        code: "INTERNAL",
        message: expect.stringContaining("disk is full"),
      }),
    );
    expect(value.every((byte) => byte === 0)).toBe(true);
    expect(vault.list()).toEqual([]);
    vault.close();
  });

  it.each([
    ["a path of one part", "api-key", "x", ["desk"], "NAME_INVALID"],
    ["a path that climbs", "maintenance/../x", "x", ["desk"], "NAME_INVALID"],
    ["a path with a newline", "maintenance/key\n", "x", ["desk"], "NAME_INVALID"],
    [
      "a path that is too long",
      `a/${"b".repeat(limits.secretPathLengthMax)}`,
      "x",
      ["desk"],
      "NAME_INVALID",
    ],
    ["no service", path, "x", [], "NAME_INVALID"],
    ["a service that is two names", path, "x", ["desk other"], "NAME_INVALID"],
    ["no value", path, "", ["desk"], "USAGE"],
    [
      "a value that is too long",
      path,
      "x".repeat(limits.secretBytesMax + 1),
      ["desk"],
      "LIMIT_EXCEEDED",
    ],
  ])("refuses %s", async (_, badPath, value, services, code) => {
    const { vault } = await temporaryVault();
    expect(() => set(vault, value, { path: badPath, services })).toThrow(
      expect.objectContaining({ code }),
    );
    expect(vault.list()).toEqual([]);
    vault.close();
  });
});

describe("the memory of libsodium", () => {
  it("holds no secret and no key after they were used (attack 112)", async () => {
    const { vault, keyFile } = await temporaryVault();
    const { HEAPU8 } = (sodium as unknown as { libsodium: { HEAPU8: Uint8Array } }).libsodium;
    const seen: Buffer[] = [];
    set(vault, secretText);
    await vault.unseal(machine);
    await vault.withSecret(path, toService, async (value) => {
      seen.push(Buffer.from(value.subarray(0, 32)));
    });
    seen.push(vault.derive("bodies"), readFileSync(keyFile));
    vault.keyedHash("bodies", Buffer.from("what comes after"));
    const memory = Buffer.from(HEAPU8);
    expect(seen[0]?.toString()).toBe(secretText.slice(0, 32));
    for (const bytes of seen) expect(memory.includes(bytes)).toBe(false);
    vault.close();
  });
});

describe("a sealed vault", () => {
  it("refuses all that needs a secret until it has its key", async () => {
    const { file, machineKey, vault } = await temporaryVault();
    set(vault, secretText);
    vault.close();
    const sealed = openVault(file, machineKey);
    expect(sealed.sealed).toBe(true);
    const locked = expect.objectContaining({ code: "VAULT_SEALED" });
    const value = Buffer.from(secretText);
    expect(() => set(sealed, "", { value })).toThrow(locked);
    expect(value.every((byte) => byte === 0)).toBe(true);
    await expect(read(sealed)).rejects.toEqual(locked);
    expect(() => sealed.retire(path, 0, "operator", 6)).toThrow(locked);
    expect(() => sealed.delete(path, "operator", 6)).toThrow(locked);
    expect(() => sealed.changeDataKey("operator")).toThrow(locked);
    await sealed.unseal(machine);
    expect(sealed.sealed).toBe(false);
    expect(await read(sealed)).toBe(secretText);
    sealed.seal();
    await expect(read(sealed)).rejects.toEqual(locked);
    sealed.close();
  });

  it("has what the coordinator itself needs", async () => {
    const { file, machineKey, vault } = await temporaryVault();
    const seed = vault.internal("seed", () => Buffer.from("a seed"));
    const hash = vault.keyedHash("bodies", Buffer.of(1));
    vault.close();
    const sealed = openVault(file, machineKey);
    expect(sealed.internal("seed", () => Buffer.of(1))).toEqual(seed);
    expect(sealed.keyedHash("bodies", Buffer.of(1))).toEqual(hash);
    expect(sealed.derive("token/1")).toHaveLength(32);
    sealed.close();
  });

  it("does not open under another key, sealed or not", async () => {
    const { file, machineKey, vault } = await temporaryVault();
    vault.close();
    expect(() => openVault(file, machineKeyFile(newKeyFile()))).toThrow(
      expect.objectContaining({ code: "VAULT_KEY_WRONG" }),
    );
    const sealed = openVault(file, machineKey);
    const passphrase = Buffer.from("the wrong kind of key");
    await expect(sealed.unseal({ kind: "passphrase", passphrase })).rejects.toMatchObject({
      code: "VAULT_KEY_WRONG",
    });
    expect(passphrase.every((byte) => byte === 0)).toBe(true);
    expect(sealed.sealed).toBe(true);
    sealed.close();
  });
});

describe("the vault's file", () => {
  it("is never overwritten by a new vault, and must exist to be opened", async () => {
    const { file, machineKey, vault } = await temporaryVault();
    vault.close();
    await expect(createVault(file, machineKey)).rejects.toMatchObject({ code: "SETUP_FAILED" });
    expect(() => openVault(`${file}.missing`, machineKey)).toThrow(/cannot be opened/);
  });

  it("opens with one key alone when two processes make it at once", async () => {
    const file = temporaryPath("vault.db");
    const [one, other] = await Promise.allSettled([
      createVault(file, machineKeyFile(newKeyFile())),
      createVault(file, machineKeyFile(newKeyFile())),
    ]);
    expect([one.status, other.status].sort()).toEqual(["fulfilled", "rejected"]);
    for (const it of [one, other]) {
      if (it.status === "fulfilled") it.value.close();
      else expect(it.reason).toMatchObject({ code: "VAULT_KEY_WRONG" });
    }
  });

  it("belongs to its owner alone and shows no secret, raw, in base64 or in hex", async () => {
    const { file, vault } = await temporaryVault();
    set(vault, secretText);
    vault.internal("seed", () => Buffer.from(secretText));
    for (const part of [file, `${file}-wal`]) {
      expect(statSync(part).mode & 0o777).toBe(0o600);
    }
    const open = readFileSync(`${file}-wal`);
    vault.close();
    for (const bytes of [open, readFileSync(file)]) expectNoTrace(bytes, secretText);
    expect(open.includes(path)).toBe(true);
  });
});

/** Any eight bytes of the text in a row, as they are or encoded at any of base64's alignments. */
function expectNoTrace(bytes: Buffer, text: string): void {
  const haystack = bytes.toString("latin1");
  const lowered = haystack.toLowerCase();
  for (let at = 0; at + 9 <= text.length; at += 1) {
    const part = Buffer.from(text.slice(at, at + 9));
    expect(haystack).not.toContain(part.toString("latin1"));
    expect(haystack).not.toContain(part.toString("base64"));
    expect(haystack).not.toContain(part.toString("base64url"));
    expect(lowered).not.toContain(part.toString("hex"));
  }
}

async function problems(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: { problems: unknown }) => error.problems,
  );
}
