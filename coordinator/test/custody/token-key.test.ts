import { describe, expect, it } from "vitest";
import { applyCustody, emptyCustody, tokenKeyIds } from "../../src/custody/custody.ts";
import { decideTokenKeyAge, decideTokenKeyRotated } from "../../src/custody/decide-token-key.ts";
import { custodyLimits } from "../../src/custody/limits.ts";
import type { Decision } from "../../src/state/decision.ts";

const { tokenKeyOverlapMs, tokenKeyAgeMsMax } = custodyLimits;
const byHand = { actor: "operator", atOnce: false };

/** A mesh that began at 1000. */
function begun() {
  const custody = emptyCustody();
  const applied = <T>({ events }: Decision<T>, atMs: number) => {
    for (const event of events) applyCustody(custody, { seq: 1, atMs, event });
    return events.length;
  };
  const value = { mesh: "m", ledgerKey: Buffer.of(), dispatchKey: Buffer.of(), vault: undefined };
  applied({ events: [{ $case: "meshCreated", value }], value: undefined }, 1000);
  return { custody, applied };
}

describe("the key of step tokens", () => {
  it("is followed by another; the former is good as long as its tokens can be (attack 18)", () => {
    const { custody, applied } = begun();
    expect(tokenKeyIds(custody, 1000)).toEqual(["1"]);
    applied(decideTokenKeyRotated(custody, byHand, 5000), 5000);
    expect(tokenKeyIds(custody, 5000)).toEqual(["2", "1"]);
    expect(tokenKeyIds(custody, 5000 + tokenKeyOverlapMs - 1)).toEqual(["2", "1"]);
    expect(tokenKeyIds(custody, 5000 + tokenKeyOverlapMs)).toEqual(["2"]);
  });

  it("can be followed by several, each for its own time", () => {
    const { custody, applied } = begun();
    applied(decideTokenKeyRotated(custody, byHand, 5000), 5000);
    applied(decideTokenKeyRotated(custody, byHand, 6000), 6000);
    expect(tokenKeyIds(custody, 6000)).toEqual(["3", "2", "1"]);
    expect(tokenKeyIds(custody, 5000 + tokenKeyOverlapMs)).toEqual(["3", "2"]);
    expect(tokenKeyIds(custody, 6000 + tokenKeyOverlapMs)).toEqual(["3"]);
    applied(decideTokenKeyRotated(custody, byHand, 9_000_000), 9_000_000);
    expect(custody.formerTokenKeys.map(({ id }) => id)).toEqual(["3"]);
  });

  it("ends all former ones at once when it was asked for", () => {
    const { custody, applied } = begun();
    applied(decideTokenKeyRotated(custody, byHand, 5000), 5000);
    applied(decideTokenKeyRotated(custody, { ...byHand, atOnce: true }, 6000), 6000);
    expect(tokenKeyIds(custody, 6000)).toEqual(["3"]);
  });

  it("is replaced by age, counted from the mesh's beginning, then from each rotation", () => {
    const { custody, applied } = begun();
    const decided = (atMs: number) => applied(decideTokenKeyAge(custody, atMs), atMs);
    expect(decided(1000 + tokenKeyAgeMsMax - 1)).toBe(0);
    expect(decided(1000 + tokenKeyAgeMsMax)).toBe(1);
    expect(decided(1000 + tokenKeyAgeMsMax + 1)).toBe(0);
    expect(custody.tokenKey.id).toBe("2");
  });
});
