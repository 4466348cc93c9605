import { describe, expect, it } from "vitest";
import { decidePublished, decideRemoved, decideTrust } from "../../src/rollout/decide-release.ts";
import { key, release, rolloutWorld, verify } from "./rollout-world.ts";

const none = new Uint8Array(0);

describe("a release key", () => {
  const other = new Uint8Array(32).fill(2);

  it("is the operator's word at first, and afterwards only with the signature of the one before", async () => {
    const { state, record } = await rolloutWorld(0);
    const trust = (it: Uint8Array, signature = none) =>
      decideTrust(state.rollouts, { key: it, signature }, "operator", verify);
    expect(trust(key).events).toEqual([]);
    expect(() => trust(other)).toThrowError(expect.objectContaining({ code: "RELEASE_UNTRUSTED" }));
    expect(() => trust(other, Uint8Array.of(2))).toThrowError(
      expect.objectContaining({ code: "RELEASE_UNTRUSTED" }),
    );
    await record(...trust(other, Uint8Array.of(1)).events);
    expect(() => trust(key, Uint8Array.of(2))).toThrowError(
      expect.objectContaining({ code: "RELEASE_INVALID" }),
    );
    expect(state.rollouts.keys.map((it) => it.key[0])).toEqual([1, 2]);
  });

  it("has 32 bytes", async () => {
    const { state } = await rolloutWorld(0);
    const short = { key: new Uint8Array(31), signature: Uint8Array.of(1) };
    expect(() => decideTrust(state.rollouts, short, "operator", verify)).toThrowError(
      expect.objectContaining({ code: "RELEASE_INVALID" }),
    );
  });
});

describe("a release", () => {
  it.each([
    [
      "signed by another key",
      { ...release("3.0.0"), signature: Uint8Array.of(2) },
      "RELEASE_UNTRUSTED",
    ],
    [
      "that cannot be read",
      { payload: Uint8Array.of(255, 255), signature: Uint8Array.of(1) },
      "RELEASE_INVALID",
    ],
    ["of no version", release("three"), "RELEASE_INVALID"],
    ["for no machine of ours", release("3.0.0", { arch: "mips" }), "RELEASE_INVALID"],
    ["without a binary", release("3.0.0", { size: 0 }), "RELEASE_INVALID"],
    ["that is too large", release("3.0.0", { size: 1e9 }), "RELEASE_INVALID"],
    ["with half a hash", release("3.0.0", { sha256: new Uint8Array(16) }), "RELEASE_INVALID"],
    ["with a floor that is no version", release("3.0.0", { floor: "low" }), "RELEASE_INVALID"],
    [
      "of which another binary is there",
      release("2.0.0", { sha256: new Uint8Array(32) }),
      "RELEASE_INVALID",
    ],
  ])("%s is refused", async (_what, signed, code) => {
    const { publish, state } = await rolloutWorld(0);
    await expect(publish(signed)).rejects.toMatchObject({ code });
    expect([...state.rollouts.releases.keys()]).toEqual(["2.0.0"]);
  });

  it("is published once, however often it comes", async () => {
    const { publish, recorded } = await rolloutWorld(0);
    expect(await publish(release("2.0.0"))).toBe(false);
    expect(recorded.filter(({ event }) => event.$case === "releasePublished")).toHaveLength(1);
  });

  it("holds its content in the store until it is removed, which it may not be while it is needed", async () => {
    const world = await rolloutWorld(1);
    const { state } = world;
    expect([...state.artifacts.contents.values()]).toEqual([{ size: 10, references: 1 }]);
    await world.publish(release("2.0.0", { arch: "arm64" }));
    expect([...state.artifacts.contents.values()]).toEqual([{ size: 10, references: 2 }]);
    const remove = () =>
      world.writer.decide(({ rollouts }) => decideRemoved(rollouts, "2.0.0", "operator"));
    await world.begin();
    await expect(remove()).rejects.toMatchObject({ code: "RELEASE_IN_USE" });
    await world.hello("node-0", "2.0.0");
    await remove();
    expect([state.artifacts.contents.size, state.artifacts.bytes]).toEqual([0, 0]);
    await expect(remove()).rejects.toMatchObject({ code: "RELEASE_UNKNOWN" });
  });

  it("is refused beyond the number of versions that are kept", async () => {
    const world = await rolloutWorld(0);
    for (let minor = 1; minor < 32; minor++) await world.publish(release(`2.${minor}.0`));
    expect(() =>
      decidePublished(world.state.rollouts, release("9.0.0"), "operator", verify),
    ).toThrowError(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
  });
});
