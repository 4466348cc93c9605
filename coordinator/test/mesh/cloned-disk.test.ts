import { Facts, Hello } from "@cohort/proto/gen/cohort/node";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideSession } from "../../src/fleet/decide-session.ts";
import { fleetLimits } from "../../src/fleet/limits.ts";
import { decideWelcome } from "../../src/scheduler/decide-welcome.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { createWorld } from "../scheduler/world.ts";

const facts = Facts.fromPartial({ arch: "x86_64", isolation: "standard", slots: 4 });
const proof = new Uint8Array(64);
const signed = { verify: () => true, nowMs: 0, keyOverlapMs: 0 };
const workflow = `kind: workflow
name: one
steps: [{ id: step, run: sleep 1 }]
`;

async function enrolled() {
  const world = createWorld(workflow);
  await world.apply();
  await world.addNode("node-a");
  const { writer } = world;
  const session = () => writer.decide(({ fleet }) => decideSession(fleet, "node-a"));
  const hello = (instance: string, number: number) =>
    writer.decide((it) =>
      decideWelcome(
        it,
        "node-a",
        Hello.fromPartial({ facts, session: number, instance, proof }),
        signed,
      ),
    );
  const greet = async (instance: string) => hello(instance, await session());
  const cases = () => world.recorded.map(({ event }) => event.$case);
  return { world, session, hello, greet, cases };
}

describe("a disk that was copied", () => {
  it("is known by a process that says hello after the one that followed it", async () => {
    const { world, greet } = await enrolled();
    expect(await greet("first")).toMatchObject({ kind: "welcomed" });
    expect(await greet("second")).toMatchObject({ kind: "welcomed" });
    expect(await greet("first")).toMatchObject({
      kind: "refused",
      problem: { code: "NODE_QUARANTINED" },
    });
    const natsKeys = [new Uint8Array(32).fill("node-a".length)];
    expect(world.recorded.map(({ event }) => event)).toContainEqual({
      $case: "nodeQuarantined",
      value: { node: "node-a", instances: ["second", "first"], natsKeys },
    });
    expect([...world.state.fleet.voidKeys.keys()]).toEqual(["06".repeat(32)]);
    await expect(greet("second")).rejects.toMatchObject({ code: "NODE_QUARANTINED" });
  });

  it("is known after a restart of the coordinator between the two", async () => {
    const { world, greet, session } = await enrolled();
    await greet("first");
    await greet("second");
    const number = await session();
    const replayed = emptyState();
    for (const recorded of world.recorded) applyEvent(replayed, recorded);
    const again = Hello.fromPartial({ facts, session: number, instance: "first", proof });
    expect(decideWelcome(replayed, "node-a", again, signed).value).toMatchObject({
      kind: "refused",
    });
  });

  it("gives up what ran there, for nobody can say on which machine", async () => {
    const { world, greet } = await enrolled();
    await greet("first");
    await world.start("one");
    expect(world.open()).toEqual(["step[0]#1@node-a"]);
    await greet("second");
    await greet("first");
    expect(world.open()).toEqual([]);
  });

  it("is known among as many lives as are remembered", async () => {
    const { greet } = await enrolled();
    for (let life = 0; life <= fleetLimits.instancesRememberedMax; life++) {
      expect(await greet(`life-${life}`)).toMatchObject({ kind: "welcomed" });
    }
    expect(await greet("life-0")).toMatchObject({ kind: "refused" });
  });
});

describe("a node that nobody copied", () => {
  it("writes one entry for each life, and none for each hello", async () => {
    const { greet, cases } = await enrolled();
    for (const instance of ["first", "first", "second", "second"]) await greet(instance);
    expect(cases().filter((it) => it === "nodeGreeted")).toHaveLength(2);
  });

  /** Ms; a life follows another at once, and a message may be later than several lives. */
  const lifeMs = 100;
  const attempt = fc.record({
    life: fc.integer({ min: 0, max: 5 }),
    atMs: fc.integer({ min: 0, max: lifeMs - 1 }),
    askMs: fc.integer({ min: 0, max: lifeMs * 4 }),
    sayMs: fc.integer({ min: 0, max: lifeMs * 4 }),
  });

  it("is never quarantined, however often it starts again and however late messages come", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(attempt, { minLength: 1, maxLength: 40 }), async (attempts) => {
        const { session, hello, cases } = await enrolled();
        const due: { readonly atMs: number; readonly arrive: () => Promise<unknown> }[] = [];
        for (const { life, atMs, askMs, sayMs } of attempts) {
          const askedMs = life * lifeMs + atMs + askMs;
          const arrive = async () => {
            const number = await session();
            // Only who lives can answer with the number that it was given.
            if (askedMs >= (life + 1) * lifeMs) return;
            const said = () => hello(`life-${life}`, number).catch(overtaken);
            due.push({ atMs: askedMs + sayMs, arrive: said });
          };
          due.push({ atMs: askedMs, arrive });
        }
        while (due.length > 0) {
          due.sort((a, b) => a.atMs - b.atMs);
          await due.shift()?.arrive();
        }
        expect(cases()).not.toContain("nodeQuarantined");
      }),
      { numRuns: 200 },
    );
  });
});

function overtaken(error: unknown): void {
  expect(error).toMatchObject({ code: "SESSION_OVER" });
}
