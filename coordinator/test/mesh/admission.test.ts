import { describe, expect, it } from "vitest";
import { createAdmission } from "../../src/mesh/admission.ts";
import { requestBounds } from "../../src/mesh/limits.ts";

const { inFlightMax, perMinuteMax } = requestBounds.hello;

describe("admission", () => {
  it("bounds what one sender has in flight, each verb and sender for itself", () => {
    const admission = createAdmission(() => 0);
    const releases = Array.from({ length: inFlightMax }, () => admission.admit("press-1", "hello"));
    expect(releases).not.toContain(null);
    expect(admission.admit("press-1", "hello")).toBeNull();
    expect(admission.admit("press-2", "hello")).not.toBeNull();
    expect(admission.admit("press-1", "events")).not.toBeNull();
    releases[0]?.();
    expect(admission.admit("press-1", "hello")).not.toBeNull();
  });

  it("bounds how often one sender asks, and forgives with time", () => {
    let nowMs = 0;
    const admission = createAdmission(() => nowMs);
    const ask = () => {
      const release = admission.admit("press-1", "hello");
      release?.();
      return release !== null;
    };
    const answers = Array.from({ length: perMinuteMax + 5 }, ask);
    expect(answers.filter(Boolean)).toHaveLength(perMinuteMax);
    nowMs += 60_000 / perMinuteMax;
    expect([ask(), ask()]).toEqual([true, false]);
    nowMs += 60 * 60_000;
    expect(Array.from({ length: perMinuteMax + 1 }, ask).filter(Boolean)).toHaveLength(
      perMinuteMax,
    );
  });

  it("is not confused by a clock that is set back", () => {
    let nowMs = 1_000_000;
    const admission = createAdmission(() => nowMs);
    admission.admit("press-1", "proxy")?.();
    nowMs = 0;
    expect(admission.admit("press-1", "proxy")).not.toBeNull();
  });
});
