import { describe, expect, it } from "vitest";
import { createOutputIntake } from "../../src/dispatch/output-intake.ts";
import { openMemoryLog } from "../../src/log/memory.ts";
import { schedulerLimits } from "../../src/scheduler/limits.ts";
import { signer } from "../log/samples.ts";

const attempt = { run: "r", step: "s", instance: 0, attempt: 1 };

function chunk(offset: number, length: number, rest: { stream?: number; attempt?: number } = {}) {
  return {
    ...attempt,
    node: "n",
    stream: 1,
    offset,
    atMs: 1,
    data: new Uint8Array(length),
    ...rest,
  };
}

describe("the output of an attempt", () => {
  it("is kept in its order, with gaps, and each byte once", () => {
    const intake = createOutputIntake(openMemoryLog({ signer }).stepLogs);
    const said = [chunk(0, 10), chunk(0, 10), chunk(10, 5, { stream: 2 }), chunk(400, 1)];
    expect(said.map(intake.admit)).toEqual([true, false, true, true]);
    expect(intake.admit(chunk(100, 20))).toBe(false);
  });

  it("is not kept in pieces that overlap, on whatever stream: attack 107", () => {
    const intake = createOutputIntake(openMemoryLog({ signer }).stepLogs);
    let kept = 0;
    for (let offset = 0; offset < 5_000; offset++) {
      const it = chunk(offset, 1_000, { stream: 1 + (offset % 2) });
      if (intake.admit(it)) kept += it.data.length;
    }
    expect(kept).toBe(5_000);
  });

  it("is not kept beyond its length, nor in more pieces than a step could write", () => {
    const intake = createOutputIntake(openMemoryLog({ signer }).stepLogs);
    const { stepLogBytesMax, stepLogChunksMax } = schedulerLimits;
    expect(intake.admit(chunk(stepLogBytesMax - 9, 10))).toBe(false);
    expect(intake.admit(chunk(0, 0))).toBe(false);
    let kept = 0;
    for (let offset = 0; offset < stepLogChunksMax + 10; offset++) {
      if (intake.admit(chunk(offset, 1))) kept++;
    }
    expect(kept).toBe(stepLogChunksMax);
  });

  it("goes on after a restart where it was", async () => {
    const { stepLogs } = openMemoryLog({ signer });
    await stepLogs.append([chunk(0, 10), chunk(10, 7)]);
    const intake = createOutputIntake(stepLogs);
    expect(intake.admit(chunk(16, 5))).toBe(false);
    expect(intake.admit(chunk(17, 5))).toBe(true);
    expect(intake.admit(chunk(0, 5, { attempt: 2 }))).toBe(true);
  });

  it("is known of more attempts than are remembered", async () => {
    const { stepLogs } = openMemoryLog({ signer });
    await stepLogs.append([chunk(0, 10)]);
    const intake = createOutputIntake({
      extent: (key) => (key.attempt === 1 ? stepLogs.extent(key) : { end: 0, chunks: 0 }),
      pieces: stepLogs.pieces,
    });
    intake.admit(chunk(10, 10));
    await stepLogs.append([chunk(10, 10)]);
    for (let index = 2; index < schedulerLimits.outputsRememberedMax + 10; index++) {
      intake.admit(chunk(0, 1, { attempt: index }));
    }
    expect(intake.admit(chunk(10, 10))).toBe(false);
    expect(intake.admit(chunk(20, 10))).toBe(true);
  });

  it("is summed up alike by who saw it come and by who reads it again", async () => {
    const { stepLogs } = openMemoryLog({ signer });
    const said = [chunk(0, 10), chunk(10, 5, { stream: 2 }), chunk(400, 3)];
    const intake = createOutputIntake(stepLogs);
    for (const it of said) intake.admit(it);
    await stepLogs.append(said);
    const again = createOutputIntake(stepLogs);
    expect([intake.knows(attempt), again.knows(attempt)]).toEqual([true, false]);
    expect(again.kept(attempt)).toEqual(intake.kept(attempt));
    expect(intake.kept(attempt)).toMatchObject({ bytes: 18, pieces: 3 });
    expect(again.knows(attempt)).toBe(true);
    expect(again.admit(chunk(403, 1))).toBe(true);
    expect(intake.admit(chunk(403, 1))).toBe(true);
    expect(again.kept(attempt)).toEqual(intake.kept(attempt));
  });

  it("is nothing, in sum, where nothing came", () => {
    const intake = createOutputIntake(openMemoryLog({ signer }).stepLogs);
    expect(intake.knows(attempt)).toBe(true);
    expect(intake.kept(attempt)).toBeUndefined();
  });

  it.each<[string, ReturnType<typeof chunk>[]]>([
    ["a byte of it", [chunk(0, 10), { ...chunk(10, 5), data: Uint8Array.of(0, 0, 1, 0, 0) }]],
    ["where a piece of it stood", [chunk(0, 10), chunk(11, 5)]],
    ["what stream a piece was of", [chunk(0, 10), chunk(10, 5, { stream: 2 })]],
    ["how it was cut", [chunk(0, 9), chunk(9, 6)]],
    ["how much of it there is", [chunk(0, 10)]],
  ])("has another sum when %s is another", (_what, other) => {
    const sumOf = (chunks: readonly ReturnType<typeof chunk>[]) => {
      const intake = createOutputIntake(openMemoryLog({ signer }).stepLogs);
      for (const it of chunks) intake.admit(it);
      return intake.kept(attempt)?.chain;
    };
    expect(sumOf(other)).not.toEqual(sumOf([chunk(0, 10), chunk(10, 5)]));
    expect(sumOf([chunk(0, 10), chunk(10, 5)])).toEqual(sumOf([chunk(0, 10), chunk(10, 5)]));
  });
});
