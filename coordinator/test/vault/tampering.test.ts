import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openEnvelope, sealEnvelope } from "../../src/vault/envelope.ts";
import { openVault } from "../../src/vault/vault.ts";
import { path, read, secretText, service, temporaryVault, withSql } from "./samples.ts";

const ofOther = "(SELECT other.sealed FROM secrets AS other WHERE other.path = 'desk/api-key')";
const nonceOfOther = ofOther.replace("other.sealed", "other.nonce");

describe("a vault whose file was changed", () => {
  it.each([
    [
      "another secret's row in its place",
      `UPDATE secrets SET sealed = ${ofOther}, nonce = ${nonceOfOther} WHERE path = '${path}'`,
    ],
    ["an added service", `UPDATE secrets SET services = 'desk maintenance' WHERE path = '${path}'`],
    ["another version number", `UPDATE secrets SET version = 7 WHERE path = '${path}'`],
    ["another time", `UPDATE secrets SET set_ms = 6 WHERE path = '${path}'`],
    ["an unknown data key", `UPDATE secrets SET data_key = 2 WHERE path = '${path}'`],
    [
      "a shortened value",
      `UPDATE secrets SET sealed = substr(sealed, 1, 10) WHERE path = '${path}'`,
    ],
    ["no nonce", `UPDATE secrets SET nonce = x'' WHERE path = '${path}'`],
  ])("does not lend a secret with %s", async (_, sql) => {
    const { file, vault } = await temporaryVault();
    vault.set(path, Buffer.from(secretText), [service], 5);
    vault.set("desk/api-key", Buffer.from("other"), ["desk", service], 5);
    withSql(file, sql);
    await expect(read(vault)).rejects.toMatchObject({
      code: "SECRET_UNAVAILABLE",
      message: "the call cannot be given its credential",
    });
    vault.close();
  });

  it("does not lend a secret under another path", async () => {
    const { file, vault } = await temporaryVault();
    vault.set(path, Buffer.from(secretText), [service], 5);
    withSql(file, "UPDATE secrets SET path = 'maintenance/other'");
    await expect(read(vault, "maintenance/other")).rejects.toMatchObject({
      code: "SECRET_UNAVAILABLE",
    });
    vault.close();
  });

  it("does not lend the coordinator's own as a secret, nor a secret as its own", async () => {
    const { file, vault } = await temporaryVault();
    vault.set(path, Buffer.from(secretText), [service], 5);
    vault.internal("seed", () => Buffer.from("seed"));
    withSql(
      file,
      `UPDATE secrets SET nonce = (SELECT nonce FROM internals), sealed = (SELECT sealed FROM internals);
       UPDATE internals SET name = 'other'`,
    );
    await expect(read(vault)).rejects.toMatchObject({ code: "SECRET_UNAVAILABLE" });
    expect(() => vault.internal("other", () => Buffer.of(1))).toThrow(
      expect.objectContaining({ code: "INTERNAL" }),
    );
    vault.close();
  });

  it.each([
    ["no root key", "DELETE FROM root_key"],
    ["another root key", "UPDATE root_key SET sealed = randomblob(length(sealed))"],
    ["another method", `UPDATE root_key SET method = '{"kind":"passphrase"}'`],
    ["a method that is no JSON", "UPDATE root_key SET method = '{'"],
    ["no data key", "DELETE FROM data_keys"],
    ["a data key under another number", "UPDATE data_keys SET number = 2"],
  ])("does not unseal with %s", async (_, sql) => {
    const { file, source, vault } = await temporaryVault();
    vault.close();
    withSql(file, sql);
    const changed = openVault(file);
    await expect(changed.unseal(source)).rejects.toMatchObject({ code: "VAULT_KEY_WRONG" });
    expect(changed.sealed).toBe(true);
    changed.close();
  });
});

describe("an envelope", () => {
  const key = new Uint8Array(32).fill(1);
  const context = { purpose: "secret", path: "a/b", version: 1, services: ["a", "b"] };

  it("opens only with its own key, context and bytes", () => {
    const envelope = sealEnvelope(key, Buffer.from(secretText), context);
    expect(openEnvelope(key, envelope, context)?.toString()).toBe(secretText);
    const changes = fc.record({ at: fc.nat(), bit: fc.integer({ min: 0, max: 7 }) });
    fc.assert(
      fc.property(changes, ({ at, bit }) => {
        const flip = (bytes: Uint8Array) => {
          const flipped = Uint8Array.from(bytes);
          flipped[at % bytes.length] = (bytes[at % bytes.length] as number) ^ (1 << bit);
          return flipped;
        };
        expect(openEnvelope(flip(key), envelope, context)).toBeNull();
        expect(
          openEnvelope(key, { ...envelope, sealed: flip(envelope.sealed) }, context),
        ).toBeNull();
        expect(openEnvelope(key, { ...envelope, nonce: flip(envelope.nonce) }, context)).toBeNull();
      }),
    );
    for (const other of [
      { ...context, purpose: "internal" },
      { ...context, services: ["ab"] },
      { ...context, services: ["b", "a"] },
      { ...context, version: "1" },
    ]) {
      expect(openEnvelope(key, envelope, other)).toBeNull();
    }
  });

  it("is another one each time, even of the same bytes", () => {
    const seal = () =>
      Buffer.from(sealEnvelope(key, Buffer.from("x"), context).sealed).toString("hex");
    expect(seal()).not.toBe(seal());
  });
});
