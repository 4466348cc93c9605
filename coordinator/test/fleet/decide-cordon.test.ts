import { limits } from "@cohort/proto/limits";
import { describe, expect, it } from "vitest";
import { decideCordon, decideDrain, decideUncordon } from "../../src/fleet/decide-cordon.ts";
import { decideEnrol } from "../../src/fleet/decide-enrol.ts";
import { decideInvite } from "../../src/fleet/decide-invite.ts";
import { decideHello } from "../../src/fleet/decide-presence.ts";
import { isAvailable, isDraining } from "../../src/fleet/fleet.ts";
import { fleetLimits } from "../../src/fleet/limits.ts";
import { enrolCommand, Fleet, facts, inviteCommand } from "./fleet-kit.ts";

const asked = { node: "press-1", reason: "", actor: "operator" };

function enrolled(): Fleet {
  const fleet = new Fleet();
  fleet.decide((state) => decideInvite(state, inviteCommand(), 0));
  fleet.decide((state) => decideEnrol(state, enrolCommand(), 0));
  fleet.decide((state) => decideHello(state, "press-1", facts));
  return fleet;
}

const cordonOf = (fleet: Fleet) => {
  const node = fleet.state.nodes.get("press-1");
  return node === undefined || node.state === "invited" ? undefined : node.cordon;
};

describe("a cordon", () => {
  it("takes a node out of service with its reason, until it is taken back", () => {
    const fleet = enrolled();
    const reason = "fan broken";
    expect(fleet.decide((it) => decideCordon(it, { ...asked, reason }), 5)).toBe(true);
    expect(cordonOf(fleet)).toEqual({
      reason,
      actor: "operator",
      sinceMs: 5,
      drainByMs: 0,
      drainedMs: 0,
    });
    expect(isAvailable(fleet.state.nodes.get("press-1"))).toBe(false);
    expect(fleet.decide((it) => decideUncordon(it, asked))).toBe(true);
    expect(isAvailable(fleet.state.nodes.get("press-1"))).toBe(true);
    expect(fleet.replayed()).toEqual(fleet.state);
  });

  it("outlasts the node's absence", () => {
    const fleet = enrolled();
    fleet.decide((it) => decideCordon(it, asked));
    fleet.decide((it) => decideHello(it, "press-1", { ...facts, version: "9" }));
    expect(isAvailable(fleet.state.nodes.get("press-1"))).toBe(false);
  });

  it("that stands already is no news, unless it is given another reason", () => {
    const fleet = enrolled();
    const reasons = ["a", "a", "", "b"];
    const changed = reasons.map((reason) =>
      fleet.decide((it) => decideCordon(it, { ...asked, reason })),
    );
    expect(changed).toEqual([true, false, false, true]);
    expect(cordonOf(fleet)?.reason).toBe("b");
    fleet.decide((it) => decideUncordon(it, asked));
    expect(fleet.decide((it) => decideUncordon(it, asked))).toBe(false);
  });

  it("leaves a drain that goes on as it is", () => {
    const fleet = enrolled();
    fleet.decide((it, nowMs) => decideDrain(it, { ...asked, deadlineMs: 50 }, nowMs), 100);
    fleet.decide((it) => decideCordon(it, { ...asked, reason: "fan" }), 110);
    expect(cordonOf(fleet)).toMatchObject({ reason: "fan", drainByMs: 150 });
    expect(isDraining(fleet.state.nodes.get("press-1"))).toBe(true);
  });

  it("is refused for a node that has not enrolled, with the nearest name", () => {
    const fleet = enrolled();
    fleet.decide((it) => decideInvite(it, inviteCommand({ name: "later", invite: "I2" }), 0));
    for (const node of ["pres-1", "later", ""]) {
      for (const decide of [
        () => decideCordon(fleet.state, { ...asked, node }),
        () => decideUncordon(fleet.state, { ...asked, node }),
        () => decideDrain(fleet.state, { ...asked, node, deadlineMs: 1 }, 0),
      ]) {
        expect(decide).toThrowError(expect.objectContaining({ code: "NODE_UNKNOWN" }));
      }
    }
    expect(() => decideCordon(fleet.state, { ...asked, node: "pres-1" })).toThrowError(
      expect.objectContaining({
        problems: [expect.objectContaining({ hint: expect.stringContaining("press-1") })],
      }),
    );
  });

  it.each([
    ["too long", "x".repeat(limits.reasonLengthMax + 1)],
    ["not printable", "a\nb"],
  ])("is refused a reason that is %s", (_, reason) => {
    const usage = expect.objectContaining({ code: "USAGE" });
    expect(() => decideCordon(enrolled().state, { ...asked, reason })).toThrowError(usage);
  });
});

describe("a drain", () => {
  it("asked for again takes the new deadline, and keeps the reason", () => {
    const fleet = enrolled();
    const drain = (deadlineMs: number, reason: string) =>
      fleet.decide((it, nowMs) => decideDrain(it, { ...asked, reason, deadlineMs }, nowMs), 100);
    drain(50, "fan");
    drain(0, "");
    expect(cordonOf(fleet)).toMatchObject({ reason: "fan", drainByMs: 100, drainedMs: 0 });
  });

  it.each([-1, 0.5, Number.NaN, fleetLimits.drainMsMax + 1])(
    "is refused a deadline of %s ms",
    (deadlineMs) => {
      expect(() => decideDrain(enrolled().state, { ...asked, deadlineMs }, 0)).toThrowError(
        expect.objectContaining({ code: "USAGE" }),
      );
    },
  );
});
