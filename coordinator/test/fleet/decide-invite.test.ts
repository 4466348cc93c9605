import { limits } from "@cohort/proto/limits";
import { describe, expect, it } from "vitest";
import { decideEnrol } from "../../src/fleet/decide-enrol.ts";
import { decideInvite } from "../../src/fleet/decide-invite.ts";
import { fleetLimits } from "../../src/fleet/limits.ts";
import { bytes, enrolCommand, Fleet, inviteCommand } from "./fleet-kit.ts";

describe("an invite", () => {
  it("expects a node under its name, with its labels, for as long as a join token lives", () => {
    const fleet = new Fleet();
    const { expiresMs } = fleet.decide(
      (state, nowMs) => decideInvite(state, inviteCommand({ labels: { press: "1" } }), nowMs),
      5,
    );
    expect(expiresMs).toBe(5 + limits.joinTokenLifetimeMs);
    expect(fleet.state.nodes.get("press-1")).toMatchObject({
      state: "invited",
      labels: { press: "1" },
    });
    expect(fleet.events).toMatchObject([
      {
        event: {
          $case: "nodeInvited",
          value: { node: "press-1", actor: "operator", secretHash: bytes(1), expiresMs },
        },
      },
    ]);
  });

  it("takes the place of the earlier one to a name that has not enrolled", () => {
    const fleet = new Fleet();
    fleet.decide((state) => decideInvite(state, inviteCommand(), 0));
    fleet.decide((state) =>
      decideInvite(state, inviteCommand({ invite: "I2", secretHash: bytes(2) }), 0),
    );
    expect(fleet.decide((state) => decideEnrol(state, enrolCommand(), 0))).toMatchObject({
      kind: "refused",
    });
    const second = enrolCommand({ invite: "I2", secretHash: bytes(2) });
    expect(fleet.decide((state) => decideEnrol(state, second, 0))).toMatchObject({
      kind: "enrolled",
    });
  });

  it("is not given to a name that has enrolled", () => {
    const fleet = new Fleet();
    fleet.decide((state) => decideInvite(state, inviteCommand(), 0));
    fleet.decide((state) => decideEnrol(state, enrolCommand(), 0));
    expect(() => decideInvite(fleet.state, inviteCommand({ invite: "I2" }), 0)).toThrowError(
      expect.objectContaining({ code: "NODE_EXISTS" }),
    );
  });

  it.each([
    ["press-01", "press-0l"],
    ["press-01", "press-o1"],
    ["mill", "rnill"],
    ["window", "vvindow"],
    ["drill", "clrill"],
  ])("is not given to a name that can be taken for another: %s and %s (94)", (first, second) => {
    for (const [standing, wanted] of [
      [first, second],
      [second, first],
    ] as const) {
      const fleet = new Fleet();
      fleet.decide((state) => decideInvite(state, inviteCommand({ name: standing }), 0));
      const command = inviteCommand({ name: wanted, invite: "I2" });
      expect(() => decideInvite(fleet.state, command, 0)).toThrowError(
        expect.objectContaining({
          code: "NAME_CONFUSABLE",
          message: `${wanted} can be taken for the node ${standing}`,
        }),
      );
    }
  });

  it("gives a name's look free again when it is revoked unused", () => {
    const fleet = new Fleet();
    fleet.decide((state) => decideInvite(state, inviteCommand({ name: "press-01" }), 0));
    const value = { actor: "operator", node: "press-01", reason: "", natsKeys: [] };
    fleet.record({ $case: "nodeRevoked", value });
    expect(fleet.state.nodes.size).toBe(0);
    const command = inviteCommand({ name: "press-0l", invite: "I2" });
    expect(decideInvite(fleet.state, command, 0).events).toHaveLength(1);
  });

  it.each([
    "",
    "A",
    "press.1",
    "press*",
    ">",
    "press 1",
    "press\r\n1",
    "-press",
    "press-",
    "ｐress",
    "x".repeat(64),
  ])("is not given to %j, which is no name", (name) => {
    expect(() => decideInvite(new Fleet().state, inviteCommand({ name }), 0)).toThrowError(
      expect.objectContaining({ code: "NAME_INVALID" }),
    );
  });

  it.each([
    { "": "x" },
    { "1press": "x" },
    { "a.b": "x" },
    { [`a${"b".repeat(fleetLimits.labelNameLengthMax)}`]: "x" },
    { press: "a\nb" },
    { press: "\u202e1" },
    { press: "x".repeat(fleetLimits.labelValueLengthMax + 1) },
    Object.fromEntries(
      Array.from({ length: fleetLimits.labelsMax + 1 }, (_, index) => [`l${index}`, ""]),
    ),
  ])("does not take the labels %j", (labels) => {
    expect(() => decideInvite(new Fleet().state, inviteCommand({ labels }), 0)).toThrowError(
      expect.objectContaining({ code: "USAGE" }),
    );
  });
});
