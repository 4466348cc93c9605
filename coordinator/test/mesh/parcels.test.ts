import { Dispatch, Dispatches } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { problem } from "@cohort/proto/problem";
import { describe, expect, it } from "vitest";
import { answersOf, parcelsOf } from "../../src/mesh/parcels.ts";

function dispatchOf(step: string, script = "true"): Dispatch {
  return Dispatch.fromPartial({
    attempt: { run: "run", step, instance: 0, attempt: 1 },
    work: { $case: "run", value: { shell: "sh", script } },
  });
}

const stepsIn = (payload: Uint8Array) =>
  Dispatches.decode(payload).dispatches.map((bytes) => Dispatch.decode(bytes).attempt?.step);

describe("dispatches of one moment", () => {
  it("go in one message, in their order", () => {
    const parcels = parcelsOf(["one", "two", "three"].map((step) => dispatchOf(step)));
    expect(parcels.map(({ payload }) => stepsIn(payload))).toEqual([["one", "two", "three"]]);
    expect(parcelsOf([])).toEqual([]);
  });

  it("go in several messages when they are too many for one", () => {
    const count = 2 * limits.dispatchBatchMax + 1;
    const parcels = parcelsOf(Array.from({ length: count }, (_, at) => dispatchOf(`s${at}`)));
    const max = limits.dispatchBatchMax;
    expect(parcels.map((it) => it.count)).toEqual([max, max, 1]);
    expect(parcels.flatMap(({ payload }) => stepsIn(payload))).toHaveLength(count);
  });

  it("go in several messages when they are too long for one, and a very long one alone", () => {
    const third = "x".repeat(limits.dispatchBatchBytesMax / 3);
    const long = "x".repeat(limits.dispatchBatchBytesMax + 1);
    const parcels = parcelsOf([
      dispatchOf("a", third),
      dispatchOf("b", third),
      dispatchOf("c", third),
      dispatchOf("d", long),
      dispatchOf("e"),
    ]);
    expect(parcels.map(({ payload }) => stepsIn(payload))).toEqual([
      ["a", "b"],
      ["c"],
      ["d"],
      ["e"],
    ]);
    const [first] = parcels;
    expect(first?.payload.length).toBeLessThan(limits.dispatchBatchBytesMax + 1024);
  });
});

describe("the answer to them", () => {
  const parcel = { payload: new Uint8Array(0), count: 3 };
  const busy = problem("NODE_BUSY", "full");

  it("tells each one that was refused, and takes the others for accepted", () => {
    const refusals = [
      { index: 1, problems: [busy] },
      { index: 9, problems: [busy] },
    ];
    expect(answersOf(parcel, { problems: [], refusals })).toEqual([[], [busy], []]);
  });

  it("refuses them all when the message was", () => {
    expect(answersOf(parcel, { problems: [busy], refusals: [] })).toEqual([[busy], [busy], [busy]]);
  });
});
