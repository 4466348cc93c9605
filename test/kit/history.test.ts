import { Entry } from "@cohort/proto/gen/cohort/ledger";
import { describe, expect, it } from "vitest";
import { faultsOf } from "./history.ts";

const attempt = { run: "r", step: "s", instance: 0, attempt: 1 };
const sound = [
  { runStarted: { run: "r" } },
  { stepPlanned: { run: "r", step: "s", nodes: [""] } },
  { attemptScheduled: { attempt } },
  { attemptStarted: { attempt } },
  { attemptEnded: { attempt, result: { outcome: "succeeded" } } },
  { stepEnded: { run: "r", step: "s" } },
  { runEnded: { run: "r" } },
];

const faults = (events: readonly object[]) => {
  const entries = events.map((event, at) => Entry.fromJSON({ seq: at + 1, ...event }));
  return faultsOf(entries as Parameters<typeof faultsOf>[0]);
};

describe("the check of a history", () => {
  it("finds nothing in one that is sound", () => {
    expect(faults(sound)).toEqual([]);
  });

  it.each(sound.map((event, at) => ({ at, what: Object.keys(event)[0] })))(
    "finds $what recorded twice, and missing",
    ({ at, what }) => {
      const event = sound[at] as object;
      expect(faults([...sound.slice(0, at), event, ...sound.slice(at)])).not.toEqual([]);
      if (what === "attemptStarted" || what === "stepPlanned") return;
      expect(faults(sound.filter((it) => it !== event))).not.toEqual([]);
    },
  );

  it("finds an attempt that follows one that succeeded, and one that skips a number", () => {
    const next = (number: number) => [
      ...sound.slice(0, 5),
      { attemptScheduled: { attempt: { ...attempt, attempt: number } } },
      { attemptEnded: { attempt: { ...attempt, attempt: number }, result: { outcome: "failed" } } },
      ...sound.slice(5),
    ];
    expect(faults(next(2))).toEqual(["r s[0]: attempt 2 follows 1"]);
    expect(faults(next(3))).toEqual(["r s[0]: attempt 3 follows 1"]);
  });

  it.each([
    ["approvalRequested", "approvalDecided"],
    ["publicationIntended", "publicationEnded"],
  ])("finds %s and its answer out of order or recorded twice", (asked, answered) => {
    const [first, second] = [{ [asked]: { attempt } }, { [answered]: { attempt } }];
    const within = (...events: object[]) => [...sound.slice(0, 3), ...events, ...sound.slice(3)];
    expect(faults(within(first, second))).toEqual([]);
    expect(faults(within(first))).toEqual([]);
    for (const wrong of [[second], [second, first], [first, first], [first, second, second]]) {
      expect(faults(within(...wrong))).toHaveLength(1);
    }
  });

  it("finds a gap in the numbers", () => {
    const entries = sound.map((event, at) => Entry.fromJSON({ seq: at + 2, ...event }));
    expect(faultsOf(entries as Parameters<typeof faultsOf>[0])).toContain(
      "entry 1 has the number 2",
    );
  });
});
