import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { vaultLimits } from "../../src/vault/limits.ts";
import type { Vault } from "../../src/vault/vault.ts";
import { path, read, rowsOf, service, set, temporaryVault, withSql } from "./samples.ts";

const to = { service, injection: "anywhere" };
const unavailable = { code: "SECRET_UNAVAILABLE" };
const unknown = { code: "SECRET_UNKNOWN" };

/** Versions that are lent to whoever takes each that is good. */
async function good(vault: Vault, nowMs: number): Promise<string[]> {
  const values: string[] = [];
  await vault.withEachSecret(path, to, nowMs, async (value) => {
    values.push(value.toString());
    return null;
  });
  return values;
}

describe("a secret that is rotated", () => {
  it("has two versions that are good, the newer in use, until the overlap ends", async () => {
    const { file, vault } = await temporaryVault();
    set(vault, "first");
    expect(set(vault, "second", { overlapMs: 100, nowMs: 1000 })).toBe(2);
    expect(await read(vault)).toBe("second");
    expect(await good(vault, 1099)).toEqual(["second", "first"]);
    expect(await good(vault, 1100)).toEqual(["second"]);
    expect(vault.list()).toMatchObject([{ version: 2, formerVersion: 1, formerUntilMs: 1100 }]);
    vault.endOverlaps(1099);
    expect(rowsOf(file, "SELECT version FROM secrets")).toHaveLength(2);
    vault.endOverlaps(1100);
    expect(rowsOf(file, "SELECT version FROM secrets")).toEqual([{ version: 2 }]);
    expect(vault.versions(path)).toMatchObject([
      { version: 2, state: "current", setMs: 1000, untilMs: 0, services: [service] },
      { version: 1, state: "retired", setMs: 5, untilMs: 1100, services: [] },
    ]);
    vault.close();
  });

  it("has no more than two, whatever the overlaps", async () => {
    const { vault } = await temporaryVault();
    for (const value of ["first", "second", "third"]) set(vault, value, { overlapMs: 1000 });
    expect(await good(vault, 6)).toEqual(["third", "second"]);
    vault.close();
  });

  it("stops at the version that is the right one", async () => {
    const { vault } = await temporaryVault();
    set(vault, "first");
    set(vault, "second", { overlapMs: 100 });
    const found = await vault.withEachSecret(path, to, 6, async (value) =>
      value.toString() === "first" ? "it" : null,
    );
    expect(found).toBe("it");
    vault.close();
  });

  it("ends a version at once when it is retired", async () => {
    const { vault } = await temporaryVault();
    set(vault, "first");
    set(vault, "second", { overlapMs: 1000 });
    expect(vault.retire(path, 0, "operator", 7)).toBe(1);
    expect(await good(vault, 8)).toEqual(["second"]);
    expect(() => vault.retire(path, 0, "operator", 8)).toThrow(expect.objectContaining(unknown));
    expect(() => vault.retire(path, 2, "operator", 8)).toThrow(
      expect.objectContaining({ code: "USAGE" }),
    );
    vault.close();
  });

  it("uses the former version again, without an end, when the newer is retired", async () => {
    const { vault } = await temporaryVault();
    set(vault, "first");
    set(vault, "second", { overlapMs: 1000 });
    expect(vault.retire(path, 2, "operator", 7)).toBe(2);
    vault.endOverlaps(1_000_000);
    expect(await read(vault)).toBe("first");
    expect(set(vault, "third")).toBe(3);
    vault.close();
  });

  it.each([-1, Number.NaN, vaultLimits.overlapMsMax + 1])(
    "is refused an overlap of %d ms",
    async (overlapMs) => {
      const { vault } = await temporaryVault();
      set(vault, "first");
      expect(() => set(vault, "second", { overlapMs })).toThrow(
        expect.objectContaining({ code: "USAGE" }),
      );
      expect(await read(vault)).toBe("first");
      vault.close();
    },
  );
});

describe("a secret that is deleted", () => {
  it("is gone, with all its versions, and none of their numbers is given again", async () => {
    const { file, vault } = await temporaryVault();
    set(vault, "first");
    set(vault, "second", { overlapMs: 1000 });
    const sealed = rowsOf<{ sealed: Buffer }>(file, "SELECT sealed FROM secrets");
    expect(vault.delete(path, "operator", 7)).toBe(2);
    await expect(read(vault)).rejects.toMatchObject(unavailable);
    expect(vault.list()).toEqual([]);
    expect(() => vault.delete(path, "operator", 8)).toThrow(expect.objectContaining(unknown));
    expect(vault.versions(path).map(({ state }) => state)).toEqual(["retired", "retired"]);
    // Not even encrypted, in the database or beside it.
    for (const part of [file, `${file}-wal`]) {
      for (const row of sealed) expect(readFileSync(part).includes(row.sealed)).toBe(false);
    }
    expect(set(vault, "third")).toBe(3);
    vault.close();
  });

  it("keeps the latest of what ended, and the highest number for good", async () => {
    const { vault } = await temporaryVault();
    const count = vaultLimits.retiredListedMax + 5;
    for (let at = 0; at < count; at++) set(vault, "value");
    vault.delete(path, "operator", 7);
    const retired = vault.versions(path).map(({ version }) => version);
    expect(retired).toHaveLength(vaultLimits.retiredListedMax);
    expect(retired[0]).toBe(count);
    expect(set(vault, "value")).toBe(count + 1);
    vault.close();
  });

  it("can be one whose row was changed, which can be set anew, too", async () => {
    const { file, vault } = await temporaryVault();
    for (const value of ["first", "second"]) {
      set(vault, value);
      withSql(file, "UPDATE secrets SET sealed = x'00'");
      await expect(read(vault)).rejects.toMatchObject(unavailable);
    }
    vault.delete(path, "operator", 7);
    set(vault, "third");
    expect(await read(vault)).toBe("third");
    vault.close();
  });
});

describe("a secret that is bound to how its service sends it", () => {
  const bindings = [{ service, injection: "to the desk" }];

  it("is not lent to be sent otherwise, in the words of any refusal (attack 114)", async () => {
    const { vault } = await temporaryVault();
    set(vault, "value", { bindings });
    expect(await read(vault, path, service, "to the desk")).toBe("value");
    const refusals = [
      read(vault, path, service, "to someone else"),
      read(vault, path, "other", "to the desk"),
      read(vault, "maintenance/none", service, "to the desk"),
    ].map((it) => it.catch((error: { problems: unknown }) => error.problems));
    const [one, ...others] = await Promise.all(refusals);
    expect(one).toMatchObject([unavailable]);
    for (const other of others) expect(other).toEqual(one);
    vault.close();
  });

  it("is sent anywhere by a service that was not known when it was set", async () => {
    const { vault } = await temporaryVault();
    set(vault, "value", { bindings, services: [service, "other"] });
    expect(await read(vault, path, "other", "wherever")).toBe("value");
    vault.close();
  });

  it("is bound anew by whoever has its value, and by nobody else", async () => {
    const { vault } = await temporaryVault();
    set(vault, "value", { bindings });
    const anew = [{ service, injection: "to the new desk" }];
    set(vault, "value", { bindings: anew, overlapMs: 1000 });
    expect(await read(vault, path, service, "to the new desk")).toBe("value");
    await expect(read(vault, path, service, "to the desk")).rejects.toMatchObject(unavailable);
    vault.close();
  });

  it("takes no binding of a service that it is not for", async () => {
    const { vault } = await temporaryVault();
    set(vault, "value", { bindings: [{ service: "other", injection: "x" }] });
    expect(vault.list()).toMatchObject([{ bindings: [] }]);
    vault.close();
  });
});
