import { copyFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { MemoryDisk } from "../../src/log/memory.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { Place } from "./place.ts";
import { path, read, withSql } from "./samples.ts";

const mismatch = { code: "VAULT_MISMATCH" };

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
