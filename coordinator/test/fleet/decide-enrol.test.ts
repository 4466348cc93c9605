import { limits } from "@cohort/proto/limits";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideEnrol, type EnrolCommand } from "../../src/fleet/decide-enrol.ts";
import { decideInvite } from "../../src/fleet/decide-invite.ts";
import { fleetLimits } from "../../src/fleet/limits.ts";
import { bytes, enrolCommand, Fleet, facts, inviteCommand } from "./fleet-kit.ts";

function invited(): Fleet {
  const fleet = new Fleet();
  fleet.decide((state) => decideInvite(state, inviteCommand({ labels: { line: "1" } }), 0));
  return fleet;
}

function enrol(fleet: Fleet, command: EnrolCommand, nowMs = 0) {
  return fleet.decide((state) => decideEnrol(state, command, nowMs), nowMs);
}

function enrolled(): Fleet {
  const fleet = invited();
  enrol(fleet, enrolCommand());
  return fleet;
}

function revoked(): Fleet {
  const fleet = invited();
  fleet.record({
    $case: "nodeRevoked",
    value: { actor: "operator", node: "press-1", reason: "", natsKeys: [] },
  });
  return fleet;
}

function replaced(): Fleet {
  const fleet = invited();
  const later = inviteCommand({ invite: "I2", secretHash: bytes(2) });
  fleet.decide((state) => decideInvite(state, later, 0));
  return fleet;
}

const other = { natsKey: bytes(21), signKey: bytes(22), boxKey: bytes(23) };

describe("an enrolment", () => {
  it("makes the machine a node with the invite's name and labels and its own keys", () => {
    const fleet = invited();
    expect(enrol(fleet, enrolCommand())).toEqual({ kind: "enrolled", node: "press-1" });
    const { natsKey, signKey, boxKey } = enrolCommand();
    expect(fleet.state.nodes.get("press-1")).toEqual({
      cordon: null,
      slotsMax: 0,
      devices: new Map(),
      actuatedSeq: 0,
      updating: false,
      state: "disconnected",
      node: "press-1",
      labels: { line: "1" },
      facts,
      probed: facts,
      seenMs: 0,
      keys: { natsKey, signKey, boxKey },
      keysSinceMs: 0,
      former: null,
      rotationAsked: false,
      bar: null,
      session: 0,
      instance: "",
      formerInstances: [],
    });
  });

  it.each([
    ["unknown", enrolCommand({ invite: "I9" }), 0],
    ["shown with another secret", enrolCommand({ secretHash: bytes(9) }), 0],
    ["shown with a secret of another length", enrolCommand({ secretHash: new Uint8Array(0) }), 0],
  ])("with a token that is %s is refused and recorded", (_what, command, nowMs) => {
    const fleet = invited();
    const outcome = enrol(fleet, command, nowMs);
    expect(outcome).toMatchObject({ kind: "refused", problem: { code: "INVITE_INVALID" } });
    expect(fleet.events.at(-1)?.event).toEqual({
      $case: "enrolRefused",
      value: { invite: command.invite, code: "INVITE_INVALID" },
    });
  });

  it.each([
    ["INVITE_EXPIRED", () => invited(), limits.joinTokenLifetimeMs],
    ["INVITE_USED", () => enrolled(), 0],
    ["INVITE_REVOKED", () => revoked(), 0],
    ["INVITE_REVOKED", () => replaced(), 0],
  ] as const)("with the right secret is told %s, which is recorded", (code, start, nowMs) => {
    const fleet = start();
    const command = enrolCommand(other);
    expect(enrol(fleet, command, nowMs)).toMatchObject({ kind: "refused", problem: { code } });
    expect(fleet.events.at(-1)?.event).toEqual({
      $case: "enrolRefused",
      value: { invite: "I1", code },
    });
  });

  it("without it learns nothing of an invite: neither that it is, nor what became of it", () => {
    const wrong = { secretHash: bytes(9) };
    const refusals = [
      enrol(enrolled(), enrolCommand(wrong)),
      enrol(revoked(), enrolCommand(wrong)),
      enrol(invited(), enrolCommand({ invite: "I9" })),
      enrol(invited(), enrolCommand(wrong)),
      enrol(invited(), enrolCommand({ ...wrong, proofValid: false })),
      enrol(invited(), enrolCommand(wrong), limits.joinTokenLifetimeMs + 1),
    ];
    expect(new Set(refusals.map((it) => JSON.stringify(it))).size).toBe(1);
  });

  it.each([
    ["ENROL_PROOF_INVALID", { proofValid: false }],
    ["ISOLATION_INSUFFICIENT", { facts: { ...facts, isolation: "refused" } }],
    ["ISOLATION_INSUFFICIENT", { facts: { ...facts, isolation: "" } }],
  ] as const)("is refused with %s, and the invite still stands", (code, fields) => {
    const fleet = invited();
    expect(enrol(fleet, enrolCommand(fields))).toMatchObject({ problem: { code } });
    expect(enrol(fleet, enrolCommand())).toMatchObject({ kind: "enrolled" });
  });

  it.each(["natsKey", "signKey", "boxKey"] as const)(
    "is refused when its %s is another node's",
    (name) => {
      const fleet = invited();
      enrol(fleet, enrolCommand());
      fleet.decide((state) =>
        decideInvite(state, inviteCommand({ name: "press-2", invite: "I2" }), 0),
      );
      const command = enrolCommand({ invite: "I2", ...other, [name]: enrolCommand().natsKey });
      expect(enrol(fleet, command)).toMatchObject({ problem: { code: "NODE_KEY_REGISTERED" } });
    },
  );

  it("is told again to the same machine, and to no other", () => {
    const fleet = invited();
    enrol(fleet, enrolCommand());
    expect(enrol(fleet, enrolCommand())).toEqual({ kind: "enrolled", node: "press-1" });
    expect(enrol(fleet, enrolCommand({ boxKey: bytes(99) }))).toMatchObject({ kind: "refused" });
    expect(enrol(fleet, enrolCommand({ proofValid: false }))).toMatchObject({ kind: "refused" });
    expect(enrol(fleet, enrolCommand(), limits.joinTokenLifetimeMs)).toMatchObject({
      kind: "refused",
    });
    expect(fleet.cases.filter((it) => it === "nodeEnrolled")).toHaveLength(1);
  });

  it("that is tried without end fills no log", () => {
    const fleet = invited();
    const attempts = fleetLimits.refusalsRecordedMax + 10;
    for (let count = 0; count < attempts; count++) {
      expect(enrol(fleet, enrolCommand({ proofValid: false }))).toMatchObject({ kind: "refused" });
    }
    expect(fleet.cases.filter((it) => it === "enrolRefused")).toHaveLength(
      fleetLimits.refusalsRecordedMax,
    );
    expect(enrol(fleet, enrolCommand())).toMatchObject({ kind: "enrolled" });
  });
});

describe("a node that was revoked", () => {
  function fleetWithout(): Fleet {
    const fleet = enrolled();
    const natsKeys = [enrolCommand().natsKey];
    const value = { actor: "operator", node: "press-1", reason: "stolen", natsKeys };
    fleet.record({ $case: "nodeRevoked", value });
    return fleet;
  }

  it("is not told again that it was enrolled", () => {
    expect(enrol(fleetWithout(), enrolCommand())).toMatchObject({
      problem: { code: "INVITE_USED" },
    });
  });

  it("comes back by another invite with other keys, and never with the old ones", () => {
    const fleet = fleetWithout();
    const again = inviteCommand({ invite: "I2", secretHash: bytes(2) });
    fleet.decide((state) => decideInvite(state, again, 0));
    const shown = { invite: "I2", secretHash: bytes(2) };
    expect(enrol(fleet, enrolCommand(shown))).toMatchObject({
      problem: { code: "NODE_KEY_REGISTERED" },
    });
    expect(enrol(fleet, enrolCommand({ ...shown, ...other }))).toMatchObject({ kind: "enrolled" });
    expect(fleet.state.nodes.get("press-1")).toMatchObject({ bar: null, keys: other });
    expect(fleet.replayed()).toEqual(fleet.state);
  });
});

describe("any sequence of invites and enrolments", () => {
  const small = fc.integer({ min: 1, max: 3 });
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("invite" as const),
      node: small,
      invite: fc.integer({ min: 1, max: 6 }),
    }),
    fc.record({
      kind: fc.constant("enrol" as const),
      invite: fc.integer({ min: 1, max: 6 }),
      secret: fc.integer({ min: 1, max: 6 }),
      keys: fc.integer({ min: 1, max: 4 }),
      proofValid: fc.boolean(),
    }),
  );

  it("admits one machine for an invite, gives no key to two, and replays to the same", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const fleet = new Fleet();
        const issued = new Set<number>();
        for (const [nowMs, it] of steps.entries()) {
          if (it.kind === "invite") {
            if (issued.has(it.invite)) continue;
            const invite = inviteCommand({
              name: `press-${it.node}`,
              invite: `I${it.invite}`,
              secretHash: bytes(it.invite),
            });
            try {
              fleet.decide((state) => decideInvite(state, invite, nowMs), nowMs);
              issued.add(it.invite);
            } catch {
              expect(fleet.state.nodes.get(`press-${it.node}`)?.state).not.toBe("invited");
            }
          } else {
            const keys = {
              natsKey: bytes(10 + it.keys),
              signKey: bytes(20 + it.keys),
              boxKey: bytes(30 + it.keys),
            };
            const { invite, secret, proofValid } = it;
            const command = enrolCommand({
              invite: `I${invite}`,
              secretHash: bytes(secret),
              ...keys,
              proofValid,
            });
            const outcome = enrol(fleet, command, nowMs);
            if (outcome.kind === "enrolled") {
              expect([issued.has(invite), secret, proofValid]).toEqual([true, invite, true]);
            }
          }
        }
        const enrolled = fleet.events.flatMap(({ event }) =>
          event.$case === "nodeEnrolled" ? [event.value] : [],
        );
        expect(new Set(enrolled.map((it) => it.invite)).size).toBe(enrolled.length);
        expect(new Set(enrolled.map((it) => it.node)).size).toBe(enrolled.length);
        expect(new Set(enrolled.map((it) => it.natsKey.join())).size).toBe(enrolled.length);
        expect(fleet.replayed()).toEqual(fleet.state);
      }),
    );
  });
});
