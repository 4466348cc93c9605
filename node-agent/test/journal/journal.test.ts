import type { AttemptKey, NodeEvent } from "@cohort/proto/gen/cohort/node";
import { beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../src/host.ts";
import { Journal } from "../../src/journal/journal.ts";
import { RecordCodec } from "../../src/journal/record.ts";
import { agentLimits } from "../../src/limits.ts";
import { MemoryDisk } from "../kit/memory-files.ts";
import { testHost } from "../kit/node.ts";

let base: Host;
beforeAll(async () => {
  base = await testHost(async () => {});
});

const path = "/journal";

function open(disk: MemoryDisk): Journal {
  return Journal.open({ ...base, files: disk }, path);
}

/** The same disk, with other bytes as its journal. */
function spoiled(disk: MemoryDisk, bytes: Uint8Array): MemoryDisk {
  const other = new MemoryDisk();
  for (const [name, content] of disk.contents) other.contents.set(name, content);
  other.contents.set(path, bytes);
  return other;
}

function key(run: string): AttemptKey {
  return { run, step: "s", instance: 0, attempt: 1 };
}

function finish(journal: Journal, run: string, outputJson = ""): void {
  const value = {
    outcome: "succeeded",
    code: "",
    exit: 0,
    message: "",
    outputJson,
    usage: undefined,
  };
  journal.record(key(run), { $case: "finished", value }, 1);
}

function log(journal: Journal, run: string, offset: number, bytes: number): void {
  const data = new Uint8Array(bytes).fill(120);
  journal.record(key(run), { $case: "log", value: { stream: 1, offset, data } }, 1);
}

function events(journal: Journal) {
  return journal.batch(100_000, 1e9);
}

describe("the journal", () => {
  it("gives back after a restart what was accepted, finished and not acknowledged", () => {
    const disk = new MemoryDisk();
    const before = open(disk);
    before.accept([key("a")]);
    before.accept([key("b")]);
    finish(before, "b", '{"x":1}');
    const after = open(disk);
    expect(after.unfinished()).toEqual([key("a")]);
    expect(after.finished()).toEqual([key("b")]);
    expect(events(after)).toEqual(events(before));
    expect(after.knows(key("b"))).toBe(true);
  });

  it("drops what is acknowledged and remembers that the attempt ran", () => {
    const disk = new MemoryDisk();
    const journal = open(disk);
    journal.accept([key("a")]);
    finish(journal, "a");
    journal.acknowledge(events(journal)[0]?.seq ?? 0);
    for (const it of [journal, open(disk), open(disk)]) {
      expect(events(it)).toEqual([]);
      expect(it.unfinished()).toEqual([]);
      expect(it.knows(key("a"))).toBe(true);
    }
  });

  it("survives every possible torn tail, losing the torn record alone", () => {
    const disk = new MemoryDisk();
    const journal = open(disk);
    journal.accept([key("a")]);
    const whole = disk.contents.get(path)?.length ?? 0;
    finish(journal, "a");
    const bytes = disk.contents.get(path) as Uint8Array;
    for (let length = whole; length < bytes.length; length++) {
      const torn = spoiled(disk, bytes.slice(0, length));
      expect(open(torn).unfinished()).toEqual([key("a")]);
    }
  });

  it("passes over a damaged record and keeps those behind it", () => {
    const disk = new MemoryDisk();
    const journal = open(disk);
    journal.accept([key("a")]);
    const from = disk.contents.get(path)?.length ?? 0;
    journal.accept([key("spoiled")]);
    const to = disk.contents.get(path)?.length ?? 0;
    journal.accept([key("b")]);
    const bytes = disk.contents.get(path) as Uint8Array;
    for (let at = from; at < to; at++) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] as number) ^ 0x55;
      expect(open(spoiled(disk, damaged)).unfinished()).toEqual([key("a"), key("b")]);
    }
  });

  it("opens on a file of random bytes as on none", () => {
    const disk = new MemoryDisk();
    disk.contents.set(path, base.random(10_000));
    expect(events(open(disk))).toEqual([]);
  });

  it("never uses a number twice, even for events that power loss took", async () => {
    const disk = new MemoryDisk();
    const journal = open(disk);
    journal.accept([key("a")]);
    await journal.sync();
    log(journal, "a", 0, 10);
    const used = events(journal)[0]?.seq ?? 0;
    disk.losePower();
    const after = open(disk);
    log(after, "a", 0, 10);
    expect(events(after)[0]?.seq).toBeGreaterThan(used);
  });

  it("gives up the oldest logs when full, and never a result", () => {
    const journal = open(new MemoryDisk());
    finish(journal, "first", '"kept"');
    const chunk = 16 * 1024;
    const count = agentLimits.journalLogBytesMax / chunk + 20;
    for (let index = 0; index < count; index++) log(journal, "a", index * chunk, chunk);
    finish(journal, "a");
    const kept = events(journal);
    expect(kept.filter((it) => it.event?.$case === "finished")).toHaveLength(2);
    const chunks = kept.flatMap((it) => (it.event?.$case === "log" ? [it.event.value] : []));
    const dropped = (count - chunks.length) * chunk;
    expect(dropped).toBeGreaterThan(0);
    expect(chunks[0]?.offset).toBe(dropped);
    expect(chunks.length * chunk).toBeLessThanOrEqual(agentLimits.journalLogBytesMax);
    expect(kept.map((it) => it.seq)).toEqual(kept.map((it) => it.seq).sort((a, b) => a - b));
  });

  it("takes the room that a flood needs from the flood, not from what others wrote before it", () => {
    const journal = open(new MemoryDisk());
    const chunk = 16 * 1024;
    for (let index = 0; index < 10; index++) log(journal, "quiet", index * 100, 100);
    for (let index = 0; index < 3; index++) log(journal, "modest", index * chunk, chunk);
    for (let index = 0; index < 200; index++) log(journal, "flood", index * chunk, chunk);
    for (let index = 0; index < 200; index++) log(journal, "another", index * chunk, chunk);
    const bytesOf = (run: string) =>
      events(journal)
        .flatMap((it) => (it.attempt?.run === run && it.event?.$case === "log" ? [it.event] : []))
        .reduce((sum, { value }) => sum + value.data.length, 0);
    expect(bytesOf("quiet")).toBe(1_000);
    expect(bytesOf("modest")).toBe(3 * chunk);
    expect(bytesOf("another")).toBeGreaterThan(5 * chunk);
    expect(bytesOf("flood")).toBeGreaterThan(5 * chunk);
  });

  it("keeps the file within its bound while events come and go", () => {
    const disk = new MemoryDisk();
    const journal = open(disk);
    let largest = 0;
    for (let index = 0; index < 500; index++) {
      log(journal, "a", index, 8 * 1024);
      journal.acknowledge(events(journal).at(-1)?.seq ?? 0);
      largest = Math.max(largest, disk.contents.get(path)?.length ?? 0);
    }
    expect(largest).toBeLessThan(agentLimits.journalSlackBytesMax + 64 * 1024);
  });

  it("has no room when too many results wait", () => {
    const journal = open(new MemoryDisk());
    const output = JSON.stringify("x".repeat(120 * 1024));
    for (let index = 0; journal.hasRoom; index++) finish(journal, `run-${index}`, output);
    expect(journal.finished().length).toBeGreaterThan(10);
  });

  it("keeps a result that the disk refused and writes it when it can", async () => {
    const disk = new MemoryDisk();
    const journal = open(disk);
    journal.accept([key("a")]);
    disk.full = true;
    finish(journal, "a");
    await expect(journal.sync()).rejects.toMatchObject({ code: "ENOSPC" });
    disk.full = false;
    await journal.sync();
    disk.losePower();
    expect(open(disk).finished()).toEqual([key("a")]);
  });

  it("ignores records of a kind that it does not know", () => {
    const disk = new MemoryDisk();
    open(disk);
    const codec = new RecordCodec(base.crypto, disk.contents.get(`${path}.key`) as Uint8Array);
    const record = codec.encode({ kind: "sequence", next: 5 });
    const unknown = record.map((byte, index) => (index === record.length - 9 ? 99 : byte));
    expect(codec.decode(unknown)).toEqual([]);
    expect(events(open(spoiled(disk, unknown)))).toEqual([]);
  });

  it("ignores an event that is of no attempt, and keeps what comes after", () => {
    const disk = new MemoryDisk();
    open(disk);
    const codec = new RecordCodec(base.crypto, disk.contents.get(`${path}.key`) as Uint8Array);
    const event = { seq: 7, atMs: 1, event: undefined, attempt: undefined };
    const records = [
      { kind: "event", event },
      { kind: "remembered", attempt: key("a") },
    ] as const;
    const bytes = Buffer.concat(records.map((it) => codec.encode(it)));
    expect(codec.decode(bytes)).toEqual([records[1]]);
    const journal = open(spoiled(disk, bytes));
    expect(events(journal)).toEqual([]);
    expect(journal.knows(key("a"))).toBe(true);
  });

  it("does not take up again what has ended, whatever the order of its records", () => {
    const disk = new MemoryDisk();
    open(disk);
    const codec = new RecordCodec(base.crypto, disk.contents.get(`${path}.key`) as Uint8Array);
    const attempt = key("a");
    const records = [
      { kind: "remembered", attempt },
      { kind: "accepted", attempt },
    ] as const;
    const journal = open(spoiled(disk, Buffer.concat(records.map((it) => codec.encode(it)))));
    expect(journal.unfinished()).toEqual([]);
    expect(journal.knows(attempt)).toBe(true);
  });

  it("takes nothing that a step wrote for a record, however its own record is torn", () => {
    const theirs = new MemoryDisk();
    finish(open(theirs), "forged");
    const disk = new MemoryDisk();
    const journal = open(disk);
    const begin = disk.contents.get(path)?.length ?? 0;
    const forged = theirs.contents.get(path) as Uint8Array;
    const value = { stream: 1, offset: 0, data: forged };
    journal.record(key("a"), { $case: "log", value }, 1);
    const bytes = disk.contents.get(path) as Uint8Array;
    for (let length = 1; length < 40; length++) {
      const zeroed = bytes.map((byte, at) => (at >= begin && at < begin + length ? 0 : byte));
      expect(open(spoiled(disk, zeroed)).finished()).toEqual([]);
    }
  });

  it("does not grow while nobody acknowledges", () => {
    const disk = new MemoryDisk();
    const journal = open(disk);
    let largest = 0;
    for (let index = 0; index < 1000; index++) {
      log(journal, "a", index * 8 * 1024, 8 * 1024);
      largest = Math.max(largest, disk.contents.get(path)?.length ?? 0);
    }
    const { journalLogBytesMax, journalSlackBytesMax } = agentLimits;
    expect(largest).toBeLessThan(journalLogBytesMax + journalSlackBytesMax + 64 * 1024);
  });

  it("writes everything anew after a sync that failed: the next may not tell of it", async () => {
    const disk = new MemoryDisk();
    const journal = open(disk);
    finish(journal, "a");
    disk.syncsFail = true;
    await expect(journal.sync()).rejects.toMatchObject({ code: "EIO" });
    disk.syncsFail = false;
    disk.syncsLie = true;
    await journal.sync();
    disk.losePower();
    expect(open(disk).finished()).toEqual([key("a")]);
  });

  it("syncs before events are sent, long before their numbers could be given again", async () => {
    const journal = open(new MemoryDisk());
    const at = (seq: number) => [{ ...(events(journal)[0] as NodeEvent), seq }];
    log(journal, "a", 0, 10);
    const first = events(journal)[0]?.seq ?? 0;
    expect(journal.mustSyncBefore(events(journal))).toBe(false);
    expect(journal.mustSyncBefore(at(first + agentLimits.sequenceSkip))).toBe(true);
    finish(journal, "a");
    expect(journal.mustSyncBefore(events(journal))).toBe(true);
    await journal.sync();
    expect(journal.mustSyncBefore(events(journal))).toBe(false);
  });

  it("goes on at a number that it never gave when its file is gone", () => {
    const given = new Set<number>();
    for (let life = 0; life < 20; life++) {
      const journal = open(new MemoryDisk());
      log(journal, "a", 0, 10);
      given.add(events(journal)[0]?.seq ?? 0);
    }
    expect(given.size).toBe(20);
    expect(Math.max(...given)).toBeLessThan(2 ** 49);
  });

  it("keeps results that it holds when the place of the numbers is spoiled", () => {
    const disk = new MemoryDisk();
    finish(open(disk), "a");
    const bytes = (disk.contents.get(path) as Uint8Array).slice();
    // The first record, which says where the numbers go on.
    bytes[0] = (bytes[0] as number) ^ 1;
    const journal = open(spoiled(disk, bytes));
    const held = events(journal)[0]?.seq ?? 0;
    finish(journal, "b");
    expect(events(journal)[1]?.seq).toBeGreaterThan(held + 1);
    expect(journal.finished()).toEqual([key("a"), key("b")]);
  });

  it("clears away what a rewriting left that never took its place", () => {
    const disk = new MemoryDisk();
    disk.contents.set(`${path}.4711.tmp`, new Uint8Array(9));
    open(disk);
    expect([...disk.contents.keys()].sort()).toEqual([path, `${path}.key`]);
  });
});
