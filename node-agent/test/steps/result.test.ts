import { describe, expect, it } from "vitest";
import { endOf, failure, neverRan } from "../../src/steps/result.ts";

const exit = { ...neverRan, code: 3, cpuMs: 12.6, memoryPeakBytes: 4096, wallMs: 20.4 };

describe("the result of an attempt", () => {
  it.each([
    ["STEP_TIMEOUT", "timeout"],
    ["STEP_OUTPUT_TOO_LARGE", "output"],
    ["STEP_MEMORY", "memory"],
    ["STEP_CPU", "cpu"],
    ["STEP_DISK", "disk"],
    ["STEP_PIDS", "pids"],
    ["STEP_EXIT", undefined],
    ["STEP_CANCELLED", undefined],
    ["NODE_INTERRUPTED", undefined],
  ] as const)("names the limit behind %s", (code, killed) => {
    expect(failure(code, "", exit).killed).toBe(killed);
  });

  it("has the usage of what failed, in whole milliseconds", () => {
    expect(failure("STEP_EXIT", "", exit).usage).toEqual({
      cpuMs: 13,
      memoryPeakBytes: 4096,
      wallMs: 20,
      bytesIn: 0,
      bytesOut: 0,
      deviceReads: [],
    });
  });

  it("has no usage when nobody knows it", () => {
    expect(failure("NODE_INTERRUPTED", "", null)).toMatchObject({ exit: -1, usage: undefined });
  });

  it("names the limit that the step was given, and how it ended", () => {
    const limits = {
      memoryBytes: 1_000_000,
      pids: 7,
      diskBytes: 65_536,
      outputBytes: 1,
      cpuMs: 1500,
      openFiles: 9,
    };
    const message = (killed: "memory" | "cpu" | "disk" | "pids") =>
      endOf({ ...exit, killed }, limits, "no room").message;
    expect(message("memory")).toContain("1MB");
    expect(message("cpu")).toContain("1s500ms");
    expect(message("disk")).toContain("disk of 64KiB was full; exit status 3: no room");
    expect(message("pids")).toContain("7 processes; exit status 3: no room");
  });
});
