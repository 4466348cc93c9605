import { limits } from "@cohort/proto/limits";
import { describe, expect, it } from "vitest";
import { decideTokenRevoked } from "../../src/custody/decide-token-revoked.ts";
import { custodyLimits } from "../../src/custody/limits.ts";
import { listTokens } from "../../src/custody/list-tokens.ts";
import {
  emptyStepTokens,
  everyAttempt,
  isRevoked,
  noteToken,
  type TokenIds,
} from "../../src/custody/step-tokens.ts";
import { decideSkip } from "../../src/scheduler/decide-skip.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { createWorld } from "../scheduler/world.ts";

const workflow = `kind: workflow
name: w
steps:
  - { id: asks, run: "true", retry: { limit: 1 } }
  - { id: too, run: "true" }
`;
/** https://github.com/ulid/spec: ten characters of time, then what makes it one of its own. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
function idAt(atMs: number, end = "A"): string {
  let [time, left] = ["", atMs];
  for (let at = 0; at < 10; at++) {
    time = alphabet[left % 32] + time;
    left = Math.floor(left / 32);
  }
  return time + end.padStart(16, "0");
}

const atMs = 1_000_000;
const role = "operator";

async function setUp() {
  const world = createWorld(workflow);
  await world.apply();
  await world.addNode("node-a");
  const { run } = await world.start("w");
  const attempt = { run, step: "asks", instance: 0, attempt: 1 };
  const issued: TokenIds = new Map();
  const call = { service: "desk", method: "GET", path: "/", node: "node-a" };
  return {
    ...{ world, run, attempt, issued },
    used: (token: string, key = attempt) =>
      world.record({ $case: "callRefused", value: { ...call, attempt: key, code: "X", token } }),
    revoke: (token: string, reason = "") =>
      world.writer.decide((state, nowMs) =>
        decideTokenRevoked(state, { token, reason, actor: "operator", issued }, nowMs),
      ),
    list: (filter: { run?: string; node?: string } = {}, nowMs = atMs) =>
      listTokens(world.state, issued, { run: "", node: "", ...filter }, nowMs),
  };
}

describe("a step token that is revoked by its id", () => {
  it("is one that the ledger tells of, and takes its whole attempt's with it, once", async () => {
    const { world, attempt, used, revoke } = await setUp();
    await used(idAt(atMs));
    const revoked = await revoke(idAt(atMs), "a strange call");
    expect(revoked).toEqual({ changed: true, attempt, node: "node-a" });
    expect(isRevoked(world.state.stepTokens, attempt)).toBe(true);
    expect(isRevoked(world.state.stepTokens, { ...attempt, step: "too" })).toBe(false);
    expect(world.recorded.at(-1)?.event).toEqual({
      $case: "tokenRevoked",
      value: {
        ...{ actor: "operator", token: idAt(atMs), attempt, node: "node-a" },
        reason: "a strange call",
      },
    });
    expect(await revoke(idAt(atMs))).toMatchObject({ changed: false });
    expect(world.recorded.filter(({ event }) => event.$case === "tokenRevoked")).toHaveLength(1);
  });

  it("is one that was given out and not used yet", async () => {
    const { world, attempt, issued, revoke } = await setUp();
    noteToken(issued, attempt, idAt(atMs));
    expect(await revoke(idAt(atMs))).toMatchObject({ changed: true, attempt });
    expect(isRevoked(world.state.stepTokens, attempt)).toBe(true);
  });

  it("may be one of before a renewal: who reads a ledger is late", async () => {
    const { world, attempt, issued, used, revoke } = await setUp();
    await used(idAt(atMs));
    noteToken(issued, attempt, idAt(atMs + 240_000, "B"));
    world.setClock(atMs + limits.stepTokenLifetimeMs + 1);
    expect(await revoke(idAt(atMs))).toMatchObject({ changed: true });
  });

  it("is forgotten with its attempt, and the next attempt may call again", async () => {
    const { world, attempt, run, used, revoke } = await setUp();
    await used(idAt(atMs));
    await revoke(idAt(atMs));
    await world.finish(run, "asks", { outcome: "failed" });
    await world.pass(60_000);
    const next = { ...attempt, attempt: 2 };
    expect(world.open()).toContain("asks[0]#2@node-a");
    expect(isRevoked(world.state.stepTokens, next)).toBe(false);
    expect(world.state.stepTokens).toEqual(emptyStepTokens());
    // A refused call of what is over leaves nothing behind either.
    await used(idAt(atMs, "C"));
    expect(world.state.stepTokens).toEqual(emptyStepTokens());
    await expect(revoke(idAt(atMs))).rejects.toMatchObject({ code: "TOKEN_UNKNOWN" });
  });

  it("is forgotten with its step, whatever ends that", async () => {
    const { world, run, used, revoke } = await setUp();
    await used(idAt(atMs));
    await revoke(idAt(atMs));
    const skip = { run, step: "asks", reason: "not needed", actor: "operator", role } as const;
    await world.writer.decide((state) => decideSkip(state, skip));
    expect(world.state.stepTokens).toEqual(emptyStepTokens());
  });

  it.each([
    ["unknown", idAt(atMs, "Z"), "TOKEN_UNKNOWN"],
    ["of a time to come", idAt(atMs + 1e9), "TOKEN_UNKNOWN"],
    ["expired", idAt(atMs - limits.stepTokenLifetimeMs), "TOKEN_EXPIRED"],
    ["empty", "", "USAGE"],
    ["the text of a token", "v4.local.AAAA", "USAGE"],
    ["in lower case", idAt(atMs).toLowerCase(), "USAGE"],
  ])("is refused where it is %s, with the remedy", async (_, token, code) => {
    const { revoke, world } = await setUp();
    const before = world.recorded.length;
    const error = await revoke(token).catch((it: unknown) => it);
    expect(error).toMatchObject({ code, problems: [{ hint: expect.stringContaining("token") }] });
    expect(world.recorded).toHaveLength(before);
  });

  it("wants a reason that shows all that it holds", async () => {
    const { used, revoke } = await setUp();
    await used(idAt(atMs));
    await expect(revoke(idAt(atMs), "a\nb")).rejects.toMatchObject({ code: "USAGE" });
  });

  it("stays so for whoever replays the log", async () => {
    const { world, used, revoke } = await setUp();
    await used(idAt(atMs));
    await revoke(idAt(atMs));
    const replayed = emptyState();
    for (const recorded of world.recorded) applyEvent(replayed, recorded);
    expect(replayed.stepTokens).toEqual(world.state.stepTokens);
    expect(replayed.stepTokens.revoked.size).toBe(1);
  });
});

describe("the list of step tokens", () => {
  it("has those that were given out and those that were used, each once, the newest first", async () => {
    const { attempt, issued, used, list, revoke } = await setUp();
    const too = { ...attempt, step: "too" };
    await used(idAt(atMs - 5));
    noteToken(issued, attempt, idAt(atMs - 5));
    noteToken(issued, too, idAt(atMs - 1, "B"));
    await revoke(idAt(atMs - 5));
    const expiresMs = atMs + limits.stepTokenLifetimeMs;
    expect(list()).toEqual({
      leftOut: 0,
      tokens: [
        {
          ...{ token: idAt(atMs - 1, "B"), attempt: too, node: "node-a", revoked: false },
          ...{ issuedMs: atMs - 1, expiresMs: expiresMs - 1 },
        },
        {
          ...{ token: idAt(atMs - 5), attempt, node: "node-a", revoked: true },
          ...{ issuedMs: atMs - 5, expiresMs: expiresMs - 5 },
        },
      ],
    });
  });

  it("shows those of one run or node alone, and refuses a node that there is not", async () => {
    const { world, attempt, issued, run, list } = await setUp();
    const { run: other } = await world.start("w");
    noteToken(issued, attempt, idAt(atMs));
    noteToken(issued, { ...attempt, run: other }, idAt(atMs, "B"));
    expect(list({ run }).tokens.map(({ token }) => token)).toEqual([idAt(atMs)]);
    expect(list({ node: "node-a" }).tokens).toHaveLength(2);
    expect(list({ run: "another" }).tokens).toEqual([]);
    expect(() => list({ node: "node-x" })).toThrowError(
      expect.objectContaining({ code: "NODE_UNKNOWN" }),
    );
  });

  it("leaves out what has expired, and what is of an attempt that has ended", async () => {
    const { world, run, attempt, issued, list } = await setUp();
    noteToken(issued, attempt, idAt(atMs));
    expect(list({}, atMs + limits.stepTokenLifetimeMs - 1).tokens).toHaveLength(1);
    expect(list({}, atMs + limits.stepTokenLifetimeMs).tokens).toEqual([]);
    await world.finish(run, "asks");
    expect(list().tokens).toEqual([]);
  });

  it("remembers of an attempt no more than its limit, and shows no more than its own", async () => {
    const { attempt, issued, used, list, world } = await setUp();
    const { tokensPerAttemptMax, tokensShownMax } = custodyLimits;
    for (let at = 0; at < tokensPerAttemptMax + 3; at++) await used(idAt(atMs + at));
    const [kept] = everyAttempt(world.state.stepTokens.known);
    expect(kept?.ids.size).toBe(tokensPerAttemptMax);
    expect([...(kept?.ids ?? [])][0]).toBe(idAt(atMs + 3));
    for (let at = 0; at < tokensShownMax; at++) {
      const ids = new Set([idAt(atMs + at, "B")]);
      issued.set(`one ${at}`, new Map([["", { attempt, ids }]]));
    }
    expect(list().tokens).toHaveLength(tokensShownMax);
    expect(list().leftOut).toBe(tokensPerAttemptMax);
  });
});
