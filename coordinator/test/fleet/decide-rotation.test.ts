import { rotateProof } from "@cohort/proto/proof";
import { beforeEach, describe, expect, it } from "vitest";
import { decideEnrol } from "../../src/fleet/decide-enrol.ts";
import { decideInvite } from "../../src/fleet/decide-invite.ts";
import {
  confirmation,
  decideRetired,
  decideRotate,
  decideRotationAsked,
  keysThatSigned,
  type RotateCommand,
  wantsRotation,
} from "../../src/fleet/decide-rotation.ts";
import type { EnrolledNode, NodeKeys } from "../../src/fleet/fleet.ts";
import { fleetLimits } from "../../src/fleet/limits.ts";
import { bytes, enrolCommand, Fleet, inviteCommand } from "./fleet-kit.ts";

/** A signature is the key, then the message; nobody here forges. */
const sign = (key: Uint8Array, message: Uint8Array) => Buffer.concat([key, message]);
const verify = (message: Uint8Array, signature: Uint8Array, key: Uint8Array) =>
  Buffer.from(signature).equals(sign(key, message));

const first = enrolCommand();
const keysOf = (seed: number): NodeKeys => ({
  natsKey: bytes(seed),
  signKey: bytes(seed + 1),
  boxKey: bytes(seed + 2),
});

function command(keys: NodeKeys, former: NodeKeys, rest: Partial<RotateCommand> = {}) {
  const fields = { natsKey: keys.natsKey, signKey: keys.signKey, boxKey: keys.boxKey };
  const message = rotateProof({ node: "press-1", formerSignKey: former.signKey, ...fields });
  return {
    ...fields,
    formerProof: sign(former.signKey, message),
    proof: sign(keys.signKey, message),
    natsProof: sign(keys.natsKey, message),
    boxKeySound: true,
    ...rest,
  };
}

let fleet: Fleet;
const node = () => fleet.state.nodes.get("press-1") as EnrolledNode;
const ask = () =>
  fleet.decide((state) => decideRotationAsked(state, { node: "press-1", actor: "operator" }));
const rotate = (it: RotateCommand, nowMs = 0) =>
  fleet.decide((state) => decideRotate(state, "press-1", it, { verify, nowMs }), nowMs);
const use = (keys: NodeKeys, untilMs: number) => {
  for (const event of confirmation(node(), keys, untilMs)) fleet.record(event);
};

beforeEach(() => {
  fleet = new Fleet();
  fleet.decide((state) => decideInvite(state, inviteCommand(), 0));
  fleet.decide((state) => decideEnrol(state, first, 0));
});

describe("a node's keys", () => {
  const second = keysOf(50);

  it("change when asked: the former are good until a while after the new were used", () => {
    expect(ask()).toBe(true);
    expect(ask()).toBe(false);
    expect(wantsRotation(node(), 0)).toBe(true);
    expect(rotate(command(second, first))).toEqual(second.natsKey);
    expect(node()).toMatchObject({ keys: second, rotationAsked: false, former: { untilMs: 0 } });
    expect(fleet.decide((state) => decideRetired(state, 1e15))).toBeUndefined();
    expect(node().former).not.toBeNull();
    use(node().keys, 1_000);
    expect(node().former?.untilMs).toBe(1_000);
    fleet.decide((state) => decideRetired(state, 999));
    expect(node().former).not.toBeNull();
    fleet.decide((state) => decideRetired(state, 1_000), 1_000);
    expect(node().former).toBeNull();
    expect([...fleet.state.voidKeys]).toEqual([
      [Buffer.from(first.natsKey).toString("hex"), 1_000],
    ]);
    expect(fleet.replayed()).toEqual(fleet.state);
  });

  it("change by their age, and not because somebody who has them would like it", () => {
    const it = command(second, first);
    expect(() => rotate(it)).toThrowError(expect.objectContaining({ code: "FORBIDDEN" }));
    const old = fleetLimits.keyAgeMsMax;
    expect(wantsRotation(node(), old - 1)).toBe(false);
    expect(wantsRotation(node(), old)).toBe(true);
    expect(rotate(it, old)).toEqual(second.natsKey);
  });

  it("are told again to a node that lost the answer, also with the same keys after it used them", () => {
    ask();
    const it = command(second, first);
    rotate(it);
    const before = fleet.events.length;
    expect(rotate(it)).toEqual(second.natsKey);
    use(node().keys, 1_000);
    expect(rotate(it)).toEqual(second.natsKey);
    expect(fleet.cases.slice(before)).toEqual(["nodeKeysConfirmed"]);
  });

  it("that nobody has used give way to others, when a board lost them", () => {
    ask();
    rotate(command(second, first));
    const third = keysOf(60);
    rotate(command(third, first));
    expect(node()).toMatchObject({ keys: third, former: { signKey: first.signKey } });
    expect([...fleet.state.voidKeys.keys()]).toEqual([Buffer.from(second.natsKey).toString("hex")]);
  });

  it("that have been used are not replaced while those before them are good", () => {
    ask();
    rotate(command(second, first));
    use(node().keys, 1_000);
    const rotating = expect.objectContaining({ code: "NODE_KEYS_ROTATING" });
    expect(() => rotate(command(keysOf(60), second))).toThrowError(rotating);
    expect(() => ask()).toThrowError(rotating);
  });

  it.each([
    ["the former key", { formerProof: new Uint8Array(64) }],
    ["the new sign key", { proof: new Uint8Array(64) }],
    ["the new NATS key", { natsProof: new Uint8Array(64) }],
    ["a sound box key", { boxKeySound: false }],
  ])("do not change without %s", (_what, rest) => {
    ask();
    expect(() => rotate(command(second, first, rest))).toThrowError(
      expect.objectContaining({ code: "ENROL_PROOF_INVALID" }),
    );
    expect(node().keys.signKey).toEqual(first.signKey);
  });

  it("do not change by what only keys that are retired vouch for (18)", () => {
    ask();
    rotate(command(second, first));
    use(node().keys, 1_000);
    fleet.decide((state) => decideRetired(state, 1_000), 1_000);
    ask();
    expect(() => rotate(command(keysOf(60), first))).toThrowError(
      expect.objectContaining({ code: "ENROL_PROOF_INVALID" }),
    );
    const signed = (by: NodeKeys) => keysThatSigned(node(), (key) => key === by.signKey);
    expect(signed(first)).toBeNull();
  });

  it("are never those of a node before (20)", () => {
    ask();
    const stolen = { ...second, boxKey: first.boxKey };
    expect(() => rotate(command(stolen, first))).toThrowError(
      expect.objectContaining({ code: "NODE_KEY_REGISTERED" }),
    );
  });

  it("both sign while they change", () => {
    ask();
    rotate(command(second, first));
    const { keys, former } = node();
    expect(keysThatSigned(node(), (key) => key === keys.signKey)).toBe(keys);
    expect(keysThatSigned(node(), (key) => key === former?.signKey)).toBe(former);
    expect(confirmation(node(), former as NodeKeys, 1)).toEqual([]);
  });
});
