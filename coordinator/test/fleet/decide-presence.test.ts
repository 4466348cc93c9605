import { limits } from "@cohort/proto/limits";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideEnrol } from "../../src/fleet/decide-enrol.ts";
import { decideInvite } from "../../src/fleet/decide-invite.ts";
import { decideHeartbeat, decideHello, decideSilence } from "../../src/fleet/decide-presence.ts";
import { enrolCommand, Fleet, facts, inviteCommand } from "./fleet-kit.ts";

function enrolled(): Fleet {
  const fleet = new Fleet();
  fleet.decide((state) => decideInvite(state, inviteCommand(), 0));
  fleet.decide((state) => decideEnrol(state, enrolCommand(), 0));
  return fleet;
}

const silence = limits.nodeSilenceMsMax;

describe("a hello", () => {
  it("connects the node and keeps what it says of itself", () => {
    const fleet = enrolled();
    const told = { ...facts, version: "0.2.0" };
    fleet.decide((state) => decideHello(state, "press-1", told), 7);
    expect(fleet.state.nodes.get("press-1")).toMatchObject({
      state: "connected",
      facts: told,
      seenMs: 7,
    });
  });

  it("of a node that is there is recorded only when it says something new", () => {
    const fleet = enrolled();
    for (const cores of [4, 4, 8, 8]) {
      fleet.decide((state) => decideHello(state, "press-1", { ...facts, cores }));
    }
    expect(fleet.cases.filter((it) => it === "nodeConnected")).toHaveLength(2);
  });

  it.each(["press-2", "press-3", ""])("of %j, which has not enrolled, is refused", (name) => {
    const fleet = enrolled();
    fleet.decide((state) =>
      decideInvite(state, inviteCommand({ name: "press-3", invite: "I3" }), 0),
    );
    expect(() => decideHello(fleet.state, name, facts)).toThrowError(
      expect.objectContaining({ code: "NODE_UNKNOWN" }),
    );
  });

  it("of a node whose kernel no longer isolates is refused", () => {
    const told = { ...facts, isolation: "refused" };
    expect(() => decideHello(enrolled().state, "press-1", told)).toThrowError(
      expect.objectContaining({ code: "ISOLATION_INSUFFICIENT" }),
    );
  });
});

describe("silence", () => {
  it("disconnects a node once it is too long, and not before", () => {
    const fleet = enrolled();
    fleet.decide((state) => decideHello(state, "press-1", facts), 100);
    const seen = new Map([["press-1", 100]]);
    expect(
      fleet.decide((state, nowMs) => decideSilence(state, seen, nowMs), 100 + silence),
    ).toEqual([]);
    expect(
      fleet.decide((state, nowMs) => decideSilence(state, seen, nowMs), 101 + silence),
    ).toEqual(["press-1"]);
    expect(
      fleet.decide((state, nowMs) => decideSilence(state, seen, nowMs), 102 + silence),
    ).toEqual([]);
    expect(fleet.events.at(-1)?.event).toEqual({
      $case: "nodeDisconnected",
      value: { node: "press-1", reason: "silent" },
    });
  });

  it("of a node that nobody knows, or that was not there, is no news", () => {
    const seen = new Map([
      ["press-1", 0],
      ["press-9", 0],
    ]);
    expect(decideSilence(enrolled().state, seen, 10 * silence)).toEqual({ events: [], value: [] });
  });
});

describe("a heartbeat", () => {
  it("brings a node back that was given up, with the facts it had", () => {
    const fleet = enrolled();
    fleet.decide((state) => decideHello(state, "press-1", facts));
    fleet.decide((state) => decideSilence(state, new Map([["press-1", 0]]), silence + 1));
    fleet.decide((state) => decideHeartbeat(state, "press-1"), silence + 2);
    expect(fleet.state.nodes.get("press-1")).toMatchObject({
      state: "connected",
      facts,
      seenMs: silence + 2,
    });
  });

  it("of a node that is there, or that nobody knows, is no news", () => {
    const fleet = enrolled();
    fleet.decide((state) => decideHello(state, "press-1", facts));
    expect(decideHeartbeat(fleet.state, "press-1").events).toEqual([]);
    expect(decideHeartbeat(fleet.state, "press-9").events).toEqual([]);
  });
});

describe("any coming and going", () => {
  it("alternates in the log, and replays to the same state", () => {
    const act = fc.constantFrom("hello", "heartbeat", "silence");
    fc.assert(
      fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
        const fleet = enrolled();
        for (const [index, it] of acts.entries()) {
          const nowMs = (index + 2) * silence;
          if (it === "hello") fleet.decide((state) => decideHello(state, "press-1", facts), nowMs);
          if (it === "heartbeat") fleet.decide((state) => decideHeartbeat(state, "press-1"), nowMs);
          if (it === "silence")
            fleet.decide((state) => decideSilence(state, new Map([["press-1", 0]]), nowMs), nowMs);
        }
        const presence = fleet.cases.slice(2);
        expect(presence).toEqual(
          presence.map((_, index) => (index % 2 === 0 ? "nodeConnected" : "nodeDisconnected")),
        );
        expect(fleet.replayed()).toEqual(fleet.state);
      }),
    );
  });
});
