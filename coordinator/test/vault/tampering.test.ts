import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openEnvelope, sealEnvelope } from "../../src/vault/envelope.ts";
import { openVault } from "../../src/vault/vault.ts";
import {
  machine,
  path,
  read,
  rowsOf,
  secretText,
  service,
  set,
  temporaryVault,
  withSql,
} from "./samples.ts";

const other = "desk/api-key";
const refused = {
  code: "SECRET_UNAVAILABLE",
  message: "the call cannot be given its credential",
};
const binding = (origin: string) => ({ service, injection: JSON.stringify({ origin }) });
const injection = binding("https://desk.example").injection;

/** Two secrets that differ in every column. */
async function twoSecrets() {
  const it = await temporaryVault();
  const { vault } = it;
  set(vault, secretText, { bindings: [binding("https://desk.example")] });
  set(vault, "gone", { path: other });
  vault.changeDataKey("operator");
  const foreign = { path: other, services: ["desk", service], nowMs: 6 };
  set(vault, "another", { ...foreign, bindings: [binding("https://evil.example")] });
  withSql(it.file, `UPDATE secrets SET until_ms = 9 WHERE path = '${other}'`);
  return it;
}

const columns = [
  ...["path", "version", "services", "bindings", "set_ms", "until_ms", "data_key"],
  ...["nonce", "sealed"],
];

describe("a vault whose rows were swapped", () => {
  it("is tried with every column that there is", async () => {
    const { file, vault } = await twoSecrets();
    const found = rowsOf<{ name: string }>(file, "SELECT name FROM pragma_table_info('secrets')");
    expect(found.map(({ name }) => name)).toEqual(columns);
    const rows = rowsOf<Record<string, unknown>>(file, "SELECT * FROM secrets");
    for (const column of columns) expect(rows[0]?.[column]).not.toEqual(rows[1]?.[column]);
    expect(await read(vault, path, service, injection)).toBe(secretText);
    vault.close();
  });

  it.each(columns.filter((it) => it !== "path"))(
    "does not lend a secret with the %s of another",
    async (column) => {
      const { file, vault } = await twoSecrets();
      withSql(
        file,
        `UPDATE secrets SET ${column} =
         (SELECT foreign_.${column} FROM secrets AS foreign_ WHERE foreign_.path = '${other}')
         WHERE path = '${path}'`,
      );
      for (const where of [injection, binding("https://evil.example").injection]) {
        await expect(read(vault, path, service, where)).rejects.toMatchObject(refused);
      }
      vault.close();
    },
  );

  it("does not lend a whole row under the path of another", async () => {
    const { file, vault } = await twoSecrets();
    withSql(
      file,
      `UPDATE secrets SET path = 'x/x' WHERE path = '${other}';
       UPDATE secrets SET path = '${other}' WHERE path = '${path}'`,
    );
    for (const by of [service, "desk"]) {
      await expect(read(vault, other, by, injection)).rejects.toMatchObject(refused);
    }
    vault.close();
  });

  it("does not lend what was sealed as another secret, with its nonce", async () => {
    const { file, vault } = await twoSecrets();
    const of = (column: string) =>
      `(SELECT foreign_.${column} FROM secrets AS foreign_ WHERE foreign_.path = '${other}')`;
    withSql(
      file,
      `UPDATE secrets SET (data_key, nonce, sealed) =
       (${of("data_key")}, ${of("nonce")}, ${of("sealed")}) WHERE path = '${path}'`,
    );
    await expect(read(vault, path, service, injection)).rejects.toMatchObject(refused);
    vault.close();
  });
});

describe("a vault whose file was changed", () => {
  it.each([
    ["an added service", "services = 'desk maintenance'"],
    ["another version number", "version = 7"],
    ["another time", "set_ms = 6"],
    ["a time that ends", "until_ms = 7"],
    ["a binding taken out", "bindings = '[]'"],
    ["a binding that is no JSON", "bindings = '['"],
    ["a binding of another form", `bindings = '[{"service":1}]'`],
    ["an unknown data key", "data_key = 2"],
    ["a shortened value", "sealed = substr(sealed, 1, 10)"],
    ["no nonce", "nonce = x''"],
  ])("does not lend a secret with %s", async (_, change) => {
    const { file, vault } = await temporaryVault();
    set(vault, secretText, { bindings: [binding("https://desk.example")] });
    withSql(file, `UPDATE secrets SET ${change} WHERE path = '${path}'`);
    await expect(read(vault, path, service, injection)).rejects.toMatchObject(refused);
    vault.close();
  });

  it("does not lend the coordinator's own as a secret, nor a secret as its own", async () => {
    const { file, vault } = await temporaryVault();
    set(vault, secretText);
    vault.internal("seed", () => Buffer.from("seed"));
    withSql(
      file,
      `UPDATE secrets SET nonce = (SELECT nonce FROM internals), sealed = (SELECT sealed FROM internals);
       UPDATE internals SET name = 'other'`,
    );
    await expect(read(vault)).rejects.toMatchObject(refused);
    expect(() => vault.internal("other", () => Buffer.of(1))).toThrow(
      expect.objectContaining({ code: "INTERNAL" }),
    );
    vault.close();
  });

  it.each([
    ["no root key", "DELETE FROM root_keys WHERE ring = 'secrets'"],
    [
      "another root key",
      "UPDATE root_keys SET sealed = randomblob(length(sealed)) WHERE ring = 'secrets'",
    ],
    [
      "the root key of the coordinator's own keys",
      `UPDATE root_keys SET (nonce, sealed) =
       (SELECT nonce, sealed FROM root_keys WHERE ring = 'own') WHERE ring = 'secrets'`,
    ],
    [
      "another method",
      `UPDATE root_keys SET method = '{"kind":"passphrase"}' WHERE ring = 'secrets'`,
    ],
    ["a method that is no JSON", "UPDATE root_keys SET method = '{' WHERE ring = 'secrets'"],
    ["no data key", "DELETE FROM data_keys WHERE ring = 'secrets'"],
    ["a data key under another number", "UPDATE data_keys SET number = 2 WHERE ring = 'secrets'"],
    [
      "a data key of the coordinator's own keys",
      `UPDATE data_keys SET (nonce, sealed) =
       (SELECT nonce, sealed FROM data_keys WHERE ring = 'own') WHERE ring = 'secrets'`,
    ],
  ])("does not unseal with %s", async (_, sql) => {
    const { file, machineKey, vault } = await temporaryVault();
    vault.close();
    withSql(file, sql);
    const changed = openVault(file, machineKey);
    await expect(changed.unseal(machine)).rejects.toMatchObject({ code: "VAULT_KEY_WRONG" });
    expect(changed.sealed).toBe(true);
    changed.close();
  });

  it("does not open at all with keys of its own that were changed", async () => {
    const { file, machineKey, vault } = await temporaryVault();
    vault.close();
    withSql(file, "UPDATE root_keys SET sealed = randomblob(length(sealed)) WHERE ring = 'own'");
    expect(() => openVault(file, machineKey)).toThrow(
      expect.objectContaining({ code: "VAULT_KEY_WRONG" }),
    );
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

describe("a vault of another version", () => {
  it.each([
    [1, "An older Cohort wrote it"],
    [99, "A newer Cohort wrote it"],
  ])("of schema %d is not touched, and the remedy named", async (version, remedy) => {
    const { file, machineKey, vault } = await temporaryVault();
    vault.close();
    withSql(file, `PRAGMA user_version = ${version}`);
    expect(() => openVault(file, machineKey)).toThrow(
      expect.objectContaining({
        code: "SETUP_FAILED",
        problems: [expect.objectContaining({ hint: expect.stringContaining(remedy) })],
      }),
    );
  });
});
