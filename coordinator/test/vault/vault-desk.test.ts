import { copyFileSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { sameMark } from "../../src/custody/decide-vault.ts";
import { custodyLimits } from "../../src/custody/limits.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { Place } from "./place.ts";
import { path, read, service } from "./samples.ts";

describe("the vault at boot", () => {
  it("is open with the machine's key, without an entry", async () => {
    const place = await Place.create();
    expect(place.desk.status).toMatchObject({ state: "unsealed", kind: "machine", generation: 0 });
    await place.set();
    await place.restart();
    expect(await read(place.vault)).toBe("value");
    expect(place.cases()).toEqual(["meshCreated", "secretSet"]);
    place.kill();
  });

  it("is sealed where an operator has to bring its key, until he does", async () => {
    const place = await Place.create("key-file");
    expect(place.desk.status).toMatchObject({ state: "sealed", kind: "key-file", sealedBy: "" });
    await expect(place.set()).rejects.toMatchObject({ code: "VAULT_SEALED" });
    await place.unseal();
    await place.set();
    expect(place.desk.status).toMatchObject({ state: "unsealed", secrets: 1 });
    await place.restart();
    expect(place.desk.status).toMatchObject({ state: "sealed", secrets: 1 });
    expect(place.cases()).toEqual(["meshCreated", "vaultUnsealed", "secretSet"]);
    place.kill();
  });

  it("stays sealed over restarts when an operator sealed it, and says who", async () => {
    const place = await Place.create();
    await place.set();
    await place.desk.seal({ actor: "operator", reason: "someone was here" });
    await place.desk.seal({ actor: "another", reason: "" });
    await expect(read(place.vault)).rejects.toMatchObject({ code: "VAULT_SEALED" });
    await place.restart();
    expect(place.desk.status).toMatchObject({ state: "sealed", sealedBy: "operator" });
    await place.unseal(Buffer.alloc(0));
    expect(await read(place.vault)).toBe("value");
    await place.restart();
    expect(place.desk.status).toMatchObject({ state: "unsealed", sealedBy: "" });
    expect(place.cases().slice(2)).toEqual(["vaultSealed", "vaultUnsealed"]);
    place.kill();
  });

  it("lets go on what waited for it, and no more what is not wanted", async () => {
    const place = await Place.create("key-file");
    const done: string[] = [];
    let wanted = true;
    const waits = place.desk.unsealed(() => true).then(() => done.push("waited"));
    const given = place.desk.unsealed(() => wanted).then(() => done.push("given up"));
    expect(place.desk.status.callsWaiting).toBe(2);
    wanted = false;
    expect(place.desk.status.callsWaiting).toBe(1);
    await place.desk.tick();
    await given;
    expect(done).toEqual(["given up"]);
    await place.unseal();
    await waits;
    expect(done).toEqual(["given up", "waited"]);
    await place.desk.unsealed(() => true);
    place.kill();
  });
});

describe("a wrong key", () => {
  const { unsealFailuresMax, unsealFailuresMs } = custodyLimits;
  const wrong = () => Buffer.alloc(32, 7);

  it("is refused, wiped, recorded, and after a few no other is tried for a while", async () => {
    const place = await Place.create("key-file");
    for (let at = 0; at < unsealFailuresMax; at++) {
      const key = wrong();
      await expect(place.unseal(key)).rejects.toMatchObject({ code: "VAULT_KEY_WRONG" });
      expect(key.every((byte) => byte === 0)).toBe(true);
      place.nowMs += 1000;
      await place.restart();
    }
    const limited = { code: "VAULT_UNSEAL_LIMITED" };
    const key = readFileSync(place.stick);
    await expect(place.unseal(key)).rejects.toMatchObject(limited);
    expect(key.every((byte) => byte === 0)).toBe(true);
    place.nowMs -= unsealFailuresMs;
    await expect(place.unseal()).rejects.toMatchObject(limited);
    place.nowMs += 2 * unsealFailuresMs - unsealFailuresMax * 1000 - 1;
    await expect(place.unseal()).rejects.toMatchObject(limited);
    place.nowMs += 1;
    await place.unseal();
    const refused = place.entries().filter(({ event }) => event?.$case === "vaultUnsealRefused");
    expect(refused).toHaveLength(unsealFailuresMax);
    expect(refused[0]?.event?.value).toEqual({ actor: "operator", code: "VAULT_KEY_WRONG" });
    place.kill();
  });

  it("is one at a time", async () => {
    const place = await Place.create("key-file");
    const tries = await Promise.allSettled([place.unseal(wrong()), place.unseal(wrong())]);
    expect(tries.map((it) => it.status === "rejected" && it.reason.code).sort()).toEqual([
      "VAULT_KEY_WRONG",
      "VAULT_UNSEAL_LIMITED",
    ]);
    place.kill();
  });

  it("changes no key either, and counts the same", async () => {
    const place = await Place.create("key-file");
    const command = () => ({ actor: "operator", kind: "machine", key: Buffer.alloc(0) });
    await expect(place.desk.changeKek({ ...command(), former: wrong() })).rejects.toMatchObject({
      code: "VAULT_KEY_WRONG",
    });
    expect(place.cases().at(-1)).toBe("vaultUnsealRefused");
    await place.desk.changeKek({ ...command(), former: readFileSync(place.stick) });
    expect(place.desk.status.kind).toBe("machine");
    expect(place.cases().at(-1)).toBe("vaultKeyChanged");
    place.kill();
  });
});

describe("changes of the vault", () => {
  it("are each in the ledger, with the mark that they leave, and never a value", async () => {
    const place = await Place.create();
    await place.set("first value");
    await place.set("second value", { overlapMs: 1000 });
    await place.desk.retire(path, 0, "operator");
    await place.set("third value", { overlapMs: 1000 });
    place.nowMs += 1000;
    await place.desk.tick();
    await place.desk.delete(path, "operator");
    await place.desk.changeMachineKey("operator");
    await place.desk.changeDataKey("operator");
    while (place.vault.changes.pending().length > 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { custody } = place.replayed();
    expect(place.cases().slice(1)).toEqual([
      ...["secretSet", "secretSet", "secretRetired", "secretSet", "secretRetired"],
      ...["secretDeleted", "vaultKeyChanged", "dataKeyRotated", "dataKeyRetired"],
    ]);
    expect(sameMark(custody.mark, place.vault.changes.mark())).toBe(true);
    expect(place.disk.leaves.map(({ json }) => json).join()).not.toContain("value");
    expect(place.entries()[2]?.event?.value).toMatchObject({
      ...{ actor: "operator", path, version: 2, services: [service] },
      formerUntilMs: 1_001_000,
    });
    expect(place.entries()[5]?.event?.value).toMatchObject({ actor: "", version: 2 });
    place.kill();
  });

  it("that the ledger was not told of before the process was killed are told at the next start", async () => {
    const place = await Place.create();
    place.life.dying = true;
    place.set("first").catch(() => {});
    place.set("second").catch(() => {});
    await place.restart();
    expect(place.cases().slice(1)).toEqual(["secretSet", "secretSet"]);
    expect(place.desk.status).toMatchObject({ state: "unsealed", generation: 2, recorded: 2 });
    expect(await read(place.vault)).toBe("second");
    await place.restart();
    expect(place.cases()).toHaveLength(3);
    place.kill();
  });

  it("that the ledger has, and the vault does not know it, are not told twice", async () => {
    const place = await Place.create();
    const before = temporaryPath("before.db");
    place.life.dying = true;
    place.set().catch(() => {});
    place.kill();
    copyFileSync(place.file, before);
    await place.start();
    place.kill();
    copyFileSync(before, place.file);
    await place.start();
    expect(place.desk.status.state).toBe("unsealed");
    expect(place.cases().slice(1)).toEqual(["secretSet"]);
    place.kill();
  });
});

describe("a data key that has encrypted enough", () => {
  it("is replaced by itself, and what was under it is brought under the next", async () => {
    const place = await Place.create();
    place.kill();
    await place.start({ dataKeyUsesMax: 3 });
    for (const at of [1, 2, 3]) await place.set("value", { path: `a/k${at}` });
    await place.desk.tick();
    const rotated = () => place.entries().filter(({ event }) => event?.$case === "dataKeyRetired");
    while (rotated().length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(place.desk.status).toMatchObject({ dataKey: 2, resealLeft: 0 });
    expect(place.entries().find(({ event }) => event?.$case === "dataKeyRotated")).toMatchObject({
      event: { value: { actor: "", number: 2 } },
    });
    for (const at of [1, 2, 3]) expect(await read(place.vault, `a/k${at}`)).toBe("value");
    await place.restart();
    expect(place.desk.status).toMatchObject({ state: "unsealed", dataKey: 2 });
    place.kill();
  });
});
