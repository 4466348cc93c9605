import type { LogChunk } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { beforeEach, describe, expect, it } from "vitest";
import { agentLimits } from "../../src/limits.ts";
import { StepLog } from "../../src/steps/step-log.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | null) => new TextDecoder().decode(bytes ?? undefined);

let chunks: LogChunk[];
let log: StepLog;
beforeEach(() => {
  chunks = [];
  log = new StepLog((chunk) => chunks.push(chunk), 1000);
});

describe("a step's log", () => {
  it("gathers small pieces into one chunk, and passes it on after a moment", async () => {
    for (const piece of ["a", "b", "c"]) log.add(1, encode(piece));
    expect(chunks).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, agentLimits.stepLogGatherMs + 50));
    expect(chunks.map((it) => decode(it.data))).toEqual(["abc"]);
  });

  it("keeps the order of the two streams, and counts one offset over both", () => {
    log.add(1, encode("out"));
    log.add(2, encode("error"));
    log.add(1, encode("more"));
    log.flush();
    expect(chunks.map((it) => [it.stream, it.offset, decode(it.data)])).toEqual([
      [1, 0, "out"],
      [2, 3, "error"],
      [1, 8, "more"],
    ]);
  });

  it("cuts what is large at the chunk's limit and loses no byte", () => {
    const bytes = new Uint8Array(limits.logChunkBytesMax * 2 + 5).map((_, index) => index % 251);
    log.add(1, bytes.subarray(0, 7));
    log.add(1, bytes.subarray(7));
    log.flush();
    expect(chunks.map((it) => it.data.length)).toEqual([16_384, 16_384, 5]);
    expect(Buffer.concat(chunks.map((it) => it.data)).equals(Buffer.from(bytes))).toBe(true);
  });

  it("does not change a chunk that was passed on", () => {
    log.add(1, encode("first"));
    log.flush();
    log.add(1, encode("other"));
    log.flush();
    expect(decode(chunks[0]?.data ?? null)).toBe("first");
  });

  it("charges small chunks more than they hold", () => {
    log.add(1, encode("a"));
    log.add(2, encode("b"));
    log.flush();
    expect(log.cost).toBe(2 * agentLimits.stepLogChunkCostBytesMin);
  });

  it("keeps stdout up to its limit, and nothing of it beyond", () => {
    log.add(1, encode("x".repeat(1000)));
    log.flush();
    expect(log.stdout).toHaveLength(1000);
    log.add(1, encode("y"));
    log.flush();
    expect(log.stdout).toBeNull();
  });

  it("finds the last line of stderr that says something, without escapes", () => {
    log.add(2, encode("x".repeat(100_000)));
    log.add(2, encode("\nfirst\n\u001b[1;31mlast \u0007one\u001b[0m\r\n \n\n"));
    log.flush();
    expect(log.lastErrorLine).toBe("last one");
  });
});
