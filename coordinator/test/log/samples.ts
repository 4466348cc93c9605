import type { Entry } from "@cohort/proto/gen/cohort/ledger";
import { createCheckpointSigner } from "../../src/ledger/ledger.ts";
import type { StepLogChunk } from "../../src/log/log.ts";

export const seed = new Uint8Array(32).fill(7);
export const signer = createCheckpointSigner(seed, "cohort/test-mesh");

/** Entries numbered `from` to `to`, each telling of a run of its own. */
export function entries(from: number, to: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, at) => entry(from + at));
}

export function entry(seq: number, reason = `line ${seq}\n\u2028 "é"`): Entry {
  const value = { run: `run-${seq}`, outcome: "succeeded", reason, outputsJson: "" };
  return { seq, atMs: 1_700_000_000_000 + seq, event: { $case: "runEnded", value } };
}

export function chunk(change: Partial<StepLogChunk> = {}): StepLogChunk {
  return {
    run: "run-1",
    step: "sample",
    instance: 0,
    attempt: 1,
    node: "press-1",
    stream: 1,
    offset: 0,
    atMs: 1_700_000_000_000,
    data: Uint8Array.of(0, 255, 10),
    ...change,
  };
}
