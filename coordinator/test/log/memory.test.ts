import { describe, expect, it } from "vitest";
import { createMemoryDisk, openMemoryLog } from "../../src/log/memory.ts";
import { entries, signer } from "./samples.ts";

describe("the event log in memory", () => {
  it("fails for good after a failed commit and goes on from its disk when opened again", async () => {
    const disk = createMemoryDisk();
    const log = openMemoryLog({ signer, disk });
    await log.append(entries(1, 1));
    disk.failure = new Error("no space left");
    await expect(log.append(entries(2, 2))).rejects.toThrow("no space left");
    await expect(log.append(entries(3, 3))).rejects.toThrow("no space left");

    const again = openMemoryLog({ signer, disk });
    expect(again.size).toBe(1);
    await again.append(entries(2, 2));
    expect([...again.entries(1)]).toEqual(entries(1, 2));
  });

  it("loses what was not committed when the process ends before", async () => {
    const disk = createMemoryDisk();
    const log = openMemoryLog({ signer, disk, schedule: () => {} });
    void log.append(entries(1, 1));
    await Promise.resolve();
    expect(openMemoryLog({ signer, disk }).size).toBe(0);
  });

  it("takes a group of any size in one commit", async () => {
    const log = openMemoryLog({ signer });
    await log.append(entries(1, 130_000));
    expect(log.size).toBe(130_000);
  });

  it("refuses an append behind another writer's back", async () => {
    const disk = createMemoryDisk();
    const [stale, fresh] = [openMemoryLog({ signer, disk }), openMemoryLog({ signer, disk })];
    await fresh.append(entries(1, 1));
    await expect(stale.append(entries(1, 1))).rejects.toMatchObject({ code: "LEDGER_UNWRITABLE" });
  });
});
