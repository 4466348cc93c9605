import { describe, expect, it } from "vitest";
import { createCheckpointSigner } from "../../src/ledger/ledger.ts";
import { createMemoryDisk, openMemoryLog } from "../../src/log/memory.ts";
import { nothing } from "../../src/state/decision.ts";
import type { Event, Recorded } from "../../src/state/event.ts";
import { emptyState } from "../../src/state/state.ts";
import { createWriter } from "../../src/state/writer.ts";

const started: Event = { $case: "coordinatorStarted", value: { version: "1" } };

/** A writer whose log commits only when the test says so. */
function setUp() {
  const disk = createMemoryDisk();
  const commits: (() => void)[] = [];
  const heard: Recorded[] = [];
  const failures: unknown[] = [];
  const writer = createWriter({
    log: openMemoryLog({
      signer: createCheckpointSigner(new Uint8Array(32), "test"),
      disk,
      schedule: (run) => commits.push(run),
    }),
    state: emptyState(),
    now: () => 1,
    listen: (recorded) => heard.push(...recorded),
    onFailure: (error) => failures.push(error),
  });
  const commit = async () => {
    for (const run of commits.splice(0)) run();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { writer, disk, heard, failures, commit };
}

describe("the writer", () => {
  it("begins no effect and gives no answer before the events are durable", async () => {
    const { writer, heard, commit } = setUp();
    const answers: string[] = [];
    const record = writer.decide(() => ({ events: [started], value: "recorded" }));
    const repeat = writer.decide(() => nothing("seen in memory only"));
    const read = writer.read(() => "read");
    for (const answer of [record, repeat, read]) void answer.then((text) => answers.push(text));
    await new Promise((resolve) => setImmediate(resolve));
    expect([answers, heard]).toEqual([[], []]);
    await commit();
    expect(answers.sort()).toEqual(["read", "recorded", "seen in memory only"]);
    expect(heard).toMatchObject([{ seq: 1, event: started }]);
  });

  it("stops for good when the log fails: nobody is answered, no effect begins", async () => {
    const { writer, disk, heard, failures, commit } = setUp();
    disk.failure = new Error("disk full");
    const outcomes = Promise.allSettled([
      writer.decide(() => ({ events: [started], value: undefined })),
      writer.decide(() => nothing("rests on it")),
      writer.read(() => "rests on it"),
    ]);
    await commit();
    expect((await outcomes).map((it) => it.status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(failures).toHaveLength(1);
    expect(heard).toEqual([]);
    await expect(
      writer.decide(() => ({ events: [started], value: undefined })),
    ).rejects.toMatchObject({ code: "LEDGER_UNWRITABLE" });
  });

  it("numbers and tells events in the order in which they were decided", async () => {
    const { writer, heard, commit } = setUp();
    const all = Array.from({ length: 5 }, () =>
      writer.decide(() => ({ events: [started, started], value: undefined })),
    );
    await commit();
    await Promise.all(all);
    expect(heard.map((it) => it.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});
