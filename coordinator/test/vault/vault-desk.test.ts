import { copyFileSync, readFileSync } from "node:fs";
import type { Entry } from "@cohort/proto/gen/cohort/ledger";
import { describe, expect, it } from "vitest";
import { sameMark } from "../../src/custody/decide-vault.ts";
import { custodyLimits } from "../../src/custody/limits.ts";
import { createCheckpointSigner, holdsCheckpoint } from "../../src/ledger/ledger.ts";
import { createMemoryDisk, type MemoryDisk, openMemoryLog } from "../../src/log/memory.ts";
import { replay } from "../../src/state/replay.ts";
import { createWriter } from "../../src/state/writer.ts";
import { vaultKey } from "../../src/vault/key-method.ts";
import { type MachineKey, machineKeyFile } from "../../src/vault/machine-key.ts";
import { createVault, openVault, type Vault } from "../../src/vault/vault.ts";
import { VaultDesk } from "../../src/vault/vault-desk.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { newKeyFile, path, read, service, withSql } from "./samples.ts";

const signer = createCheckpointSigner(new Uint8Array(32).fill(1), "test/log");
const mismatch = { code: "VAULT_MISMATCH" };

/** A vault's file, a ledger's disk, and a clock, over which processes come and go. */
class Place {
  readonly file = temporaryPath("vault.db");
  readonly machine: MachineKey = machineKeyFile(newKeyFile());
  readonly stick = newKeyFile();
  disk: MemoryDisk = createMemoryDisk();
  nowMs = 1_000_000;
  /** Of the process that is: nothing of it comes to the ledger's disk. */
  life = { dying: false };
  vault!: Vault;
  desk!: VaultDesk;
  entries: () => Entry[] = () => [];

  /** `key`: kind of what opens it; a key file lies on a stick. */
  static async create(kind: "machine" | "key-file" = "machine"): Promise<Place> {
    const place = new Place();
    const key = kind === "machine" ? ({ kind } as const) : place.brought();
    (await createVault(place.file, place.machine, key)).close();
    await place.start();
    return place;
  }

  brought(bytes = readFileSync(this.stick)) {
    return vaultKey("key-file", bytes);
  }

  async start(options: { readonly dataKeyUsesMax?: number } = {}): Promise<this> {
    this.vault = openVault(this.file, this.machine);
    const life = { dying: false };
    this.life = life;
    const log = openMemoryLog({
      signer,
      disk: this.disk,
      write: (run) => {
        if (!life.dying) run();
      },
    });
    const writer = createWriter({
      log,
      state: replay(log),
      now: () => this.nowMs,
      listen: () => {},
      onFailure: (error) => {
        throw error;
      },
    });
    this.entries = () => [...log.entries(1)];
    if (log.size === 0) {
      const vault = this.vault.changes.mark();
      const value = { mesh: "m", ledgerKey: Buffer.of(), dispatchKey: Buffer.of(), vault };
      await writer.decide(() => ({ events: [{ $case: "meshCreated", value }], value: undefined }));
    }
    this.desk = new VaultDesk({
      vault: this.vault,
      writer,
      ledger: {
        checkpoint: () => log.checkpoint(),
        has: (note) => holdsCheckpoint(log, note),
      },
      now: () => this.nowMs,
      sleep: async () => {},
      onFault: (error) => {
        throw error;
      },
      ...options,
    });
    await this.desk.begin();
    return this;
  }

  /** As `kill -9` leaves it. */
  kill(): void {
    this.desk.close();
    this.vault.close();
    this.life.dying = true;
  }

  async restart(): Promise<this> {
    this.kill();
    return this.start();
  }

  set(value = "value", more: { path?: string; overlapMs?: number } = {}): Promise<number> {
    const rest = { services: [service], bindings: [], overlapMs: 0, actor: "operator" };
    return this.desk.set({ path, value: Buffer.from(value), ...rest, ...more });
  }

  unseal(bytes = readFileSync(this.stick)): Promise<void> {
    return this.desk.unseal({ actor: "operator", key: bytes });
  }

  cases(): string[] {
    return this.entries().map(({ event }) => event?.$case ?? "");
  }
}

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
    const { custody } = replayed(place);
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

describe("a vault's file and a ledger that are not of the same time", () => {
  /** A file, or a ledger, from before the latest change. */
  async function torn(which: "file" | "ledger"): Promise<Place> {
    const place = await Place.create();
    await place.set("former key");
    place.kill();
    const file = temporaryPath("before.db");
    copyFileSync(place.file, file);
    const disk: MemoryDisk = { ...place.disk, leaves: [...place.disk.leaves] };
    await place.start();
    await place.set("present key");
    place.kill();
    if (which === "file") copyFileSync(file, place.file);
    else place.disk = disk;
    return place.start();
  }

  it.each([
    ["file", /vault's file is older than the ledger/],
    ["ledger", /ledger is older than the vault's file/],
  ] as const)("leave the vault sealed when the %s is an older copy", async (which, says) => {
    const place = await torn(which);
    expect(place.desk.status.state).toBe("mismatch");
    await expect(read(place.vault)).rejects.toMatchObject({ code: "VAULT_SEALED" });
    const refusal = expect.objectContaining({ ...mismatch, message: expect.stringMatching(says) });
    await expect(place.unseal(Buffer.alloc(0))).rejects.toEqual(refusal);
    await expect(place.set()).rejects.toEqual(refusal);
    await expect(place.desk.delete(path, "operator")).rejects.toEqual(refusal);
    await expect(place.desk.changeMachineKey("operator")).rejects.toEqual(refusal);
    await place.restart();
    expect(place.desk.status.state).toBe("mismatch");
    place.kill();
  });

  it.each(["file", "ledger"] as const)(
    "are accepted by who says which %s he means, and why; the ledger remembers",
    async (which) => {
      const place = await torn(which);
      const { generation } = place.desk.status;
      const command = { actor: "operator", reason: "restored from a backup", generation };
      for (const bad of [{ generation: generation + 1 }, { reason: "" }]) {
        await expect(place.desk.accept({ ...command, ...bad })).rejects.toMatchObject({
          code: "USAGE",
        });
      }
      await place.desk.accept(command);
      expect(await read(place.vault)).toBe(which === "file" ? "former key" : "present key");
      expect(place.entries().at(-1)?.event).toMatchObject({
        $case: "vaultAccepted",
        value: { actor: "operator", reason: "restored from a backup" },
      });
      await place.set("another");
      await place.restart();
      expect(place.desk.status.state).toBe("unsealed");
      expect(await read(place.vault)).toBe("another");
      place.kill();
    },
  );

  it("are known by a ledger that lost only what is not of the vault", async () => {
    const place = await Place.create();
    await place.desk.changeTokenKey({ actor: "operator", atOnce: false });
    await place.restart();
    place.kill();
    place.disk = { ...place.disk, leaves: place.disk.leaves.slice(0, 1) };
    await place.start();
    expect(place.desk.status.state).toBe("mismatch");
    place.kill();
  });

  it.each([
    ["a secret is taken out", "DELETE FROM secrets"],
    ["an ended version is taken out", "DELETE FROM retired"],
    ["a policy is changed", "UPDATE secrets SET services = 'evil'"],
    [
      "another method stands there",
      `UPDATE root_keys SET method = '{"kind":"key-file"}' WHERE ring = 'secrets'`,
    ],
    ["what is no method stands there", "UPDATE root_keys SET method = '{' WHERE ring = 'secrets'"],
    ["the count is another", "UPDATE generation SET number = number + 1"],
    [
      "someone says that the ledger should know it",
      `DELETE FROM retired; UPDATE generation SET number = 3;
       INSERT INTO pending (generation, base, event, mac) VALUES
       (3, 2, '{"secretDeleted":{"vault":{"generation":3}}}', zeroblob(32))`,
    ],
  ])("are what they are when %s", async (_, sql) => {
    const place = await Place.create();
    await place.set("first");
    await place.set("second");
    place.kill();
    withSql(place.file, sql);
    await place.start();
    expect(place.desk.status.state).toBe("mismatch");
    expect(place.vault.sealed).toBe(true);
    expect(place.cases()).toHaveLength(3);
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

function replayed(place: Place) {
  return replay(openMemoryLog({ signer, disk: place.disk }));
}
