import { describe, expect, it } from "vitest";
import { createMemoryDisk, openMemoryLog } from "../../src/log/memory.ts";
import { chunk, entries, signer } from "./samples.ts";

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

  it("puts what arrives while a commit runs into the next, and nothing of it before", async () => {
    const disk = createMemoryDisk();
    const writes: (() => void)[] = [];
    const log = openMemoryLog({ signer, disk, write: (run) => void writes.push(run) });
    const write = async () => {
      writes.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    };
    const first = log.append(entries(1, 1));
    await Promise.resolve();
    const later = [log.append(entries(2, 2)), log.stepLogs.append([chunk()])];
    await Promise.resolve();
    expect([writes.length, disk.leaves.length]).toEqual([1, 0]);
    await write();
    await first;
    expect([log.size, writes.length, disk.leaves.length]).toEqual([1, 1, 1]);
    await write();
    await Promise.all(later);
    expect([log.size, writes.length, disk.chunks.size]).toEqual([2, 0, 1]);
  });

  it("refuses what waits when the commit before it fails", async () => {
    const disk = createMemoryDisk();
    const writes: (() => void)[] = [];
    const log = openMemoryLog({ signer, disk, write: (run) => void writes.push(run) });
    const first = log.append(entries(1, 1));
    await Promise.resolve();
    const second = log.append(entries(2, 2));
    disk.failure = new Error("no space left");
    writes.shift()?.();
    const refusals = await Promise.allSettled([first, second]);
    expect(refusals.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect([writes.length, disk.leaves.length]).toEqual([0, 0]);
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
