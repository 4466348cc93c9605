import { describe, expect, it } from "vitest";
import { decideEnrol } from "../../src/fleet/decide-enrol.ts";
import { decideInvite } from "../../src/fleet/decide-invite.ts";
import { decideLabel } from "../../src/fleet/decide-label.ts";
import { decideFacts, decideHello } from "../../src/fleet/decide-presence.ts";
import { factVariables } from "../../src/fleet/labels.ts";
import { enrolCommand, Fleet, facts, inviteCommand } from "./fleet-kit.ts";

const actor = "operator";

function enrolled(labels: Record<string, string> = {}): Fleet {
  const fleet = new Fleet();
  fleet.decide((state, nowMs) => decideInvite(state, inviteCommand({ labels }), nowMs));
  fleet.decide((state, nowMs) => decideEnrol(state, enrolCommand(), nowMs));
  fleet.decide((state) => decideHello(state, "press-1", facts));
  return fleet;
}

function label(fleet: Fleet, set: Record<string, string>, remove: string[] = []): boolean {
  return fleet.decide((state) => decideLabel(state, { node: "press-1", set, remove, actor }));
}

const node = (fleet: Fleet) => fleet.state.nodes.get("press-1");

describe("labels that an operator changes", () => {
  it("are set and removed at once, and said so in the log only where they change", () => {
    const fleet = enrolled({ line: "2", zone: "a" });
    expect(label(fleet, { line: "3", role: "press" }, ["zone"])).toBe(true);
    expect(node(fleet)?.labels).toEqual({ line: "3", role: "press" });
    expect(fleet.events.at(-1)?.event).toEqual({
      $case: "nodeLabelled",
      value: { actor, node: "press-1", set: { line: "3", role: "press" }, removed: ["zone"] },
    });
    expect(label(fleet, { line: "3" })).toBe(false);
    expect(fleet.replayed()).toEqual(fleet.state);
  });

  it.each([
    ["a name that is none", { "1st": "x" }, []],
    ["a value that cannot be seen", { line: "3\u202e" }, []],
    ["the removal of one that is not there", {}, ["lime"]],
    ["one that is set and removed", { line: "3" }, ["line"]],
    ["a fact that a node must prove", { isolation: "strict" }, []],
    ["a version", { version: "9.9.9" }, []],
    ["a number of cores that is none", { cores: "many" }, []],
    ["a list with an empty name", { devices: "iio:accel0,," }, []],
  ])("are refused with %s, and nothing changes", (_what, set, remove) => {
    const fleet = enrolled({ line: "2" });
    expect(() => label(fleet, set as Record<string, string>, remove)).toThrowError(
      expect.objectContaining({ code: "USAGE" }),
    );
    expect(node(fleet)?.labels).toEqual({ line: "2" });
  });

  it("are refused beyond their number, counting those that stay", () => {
    const fleet = enrolled(
      Object.fromEntries(Array.from({ length: 32 }, (_, at) => [`l${at}`, ""])),
    );
    expect(() => label(fleet, { more: "1" })).toThrowError(/at most 32 labels/);
    expect(label(fleet, { more: "1" }, ["l0"])).toBe(true);
  });

  it("name the nearest label where one is to be removed that is not there", () => {
    expect(() => label(enrolled({ line: "2" }), {}, ["lines"])).toThrowError(
      expect.objectContaining({
        problems: [expect.objectContaining({ hint: expect.stringContaining("line") })],
      }),
    );
  });

  it("are refused of a node that has not enrolled", () => {
    const fleet = new Fleet();
    fleet.decide((state, nowMs) => decideInvite(state, inviteCommand(), nowMs));
    expect(() => label(fleet, { line: "3" })).toThrowError(
      expect.objectContaining({ code: "NODE_UNKNOWN" }),
    );
  });
});

describe("a label with the name of a fact", () => {
  it("takes its place, typed, whatever the node says afterwards", () => {
    const fleet = enrolled();
    label(fleet, { memory_bytes: "1048576", devices: "iio:accel0, gpio:gpiochip0" });
    fleet.decide((state) => decideFacts(state, "press-1", { ...facts, memoryBytes: 7, cores: 2 }));
    expect(node(fleet)?.facts).toMatchObject({
      memoryBytes: 1_048_576,
      devices: ["iio:accel0", "gpio:gpiochip0"],
      cores: 2,
    });
    label(fleet, {}, ["memory_bytes", "devices"]);
    expect(node(fleet)?.facts).toEqual({ ...facts, memoryBytes: 7, cores: 2 });
    expect(fleet.replayed()).toEqual(fleet.state);
  });

  it("may stand in an invite, and says what a sensor does not", () => {
    const fleet = enrolled({ temperature_celsius: "-5" });
    const known = node(fleet);
    expect(known && factVariables(known.facts)["temperature_celsius"]).toBe(-5);
  });

  it("leaves a fact alone of which it is no value, or which a node must prove", () => {
    const fleet = new Fleet();
    const command = inviteCommand();
    fleet.decide((state, nowMs) => {
      const { events, value } = decideInvite(state, command, nowMs);
      // As an earlier version recorded it, which knew no facts by these names.
      const labels = { isolation: "strict", cores: "many" };
      return {
        events: events.map((event) =>
          event.$case === "nodeInvited" ? { ...event, value: { ...event.value, labels } } : event,
        ),
        value,
      };
    });
    fleet.decide((state, nowMs) => decideEnrol(state, enrolCommand(), nowMs));
    expect(node(fleet)?.facts).toEqual(facts);
  });
});

describe("facts that change", () => {
  const counters = ({ state: { generation, readings } }: Fleet) => [generation, readings];

  it("have selectors looked at anew only where what they read may be another", () => {
    const fleet = enrolled();
    const before = counters(fleet) as [number, number];
    fleet.decide((state) => decideHello(state, "press-1", facts));
    expect(counters(fleet)).toEqual(before);
    fleet.decide((state) => decideFacts(state, "press-1", { ...facts, temperatureCelsius: 60 }));
    expect(counters(fleet)).toEqual([before[0], before[1] + 1]);
    fleet.decide((state) =>
      decideFacts(state, "press-1", { ...facts, devices: ["spi:spidev0.0"] }),
    );
    expect(counters(fleet)).toEqual([before[0] + 1, before[1] + 2]);
  });

  it("are no news when they are the same, and are refused where steps would not be isolated", () => {
    const fleet = enrolled();
    expect(decideFacts(fleet.state, "press-1", facts).events).toEqual([]);
    expect(() =>
      decideFacts(fleet.state, "press-1", { ...facts, isolation: "refused" }),
    ).toThrowError(expect.objectContaining({ code: "ISOLATION_INSUFFICIENT" }));
    expect(() => decideFacts(fleet.state, "press-9", facts)).toThrowError(
      expect.objectContaining({ code: "NODE_UNKNOWN" }),
    );
  });
});
