import { limits } from "@cohort/proto/limits";
import { expect, it } from "vitest";
import { decideHello, decideSilence } from "../../src/fleet/decide-presence.ts";
import { worldWith } from "../scheduler/world.ts";
import { facts } from "./fleet-kit.ts";

const count = 10_000;

it("10,000 nodes that come back at once keep what they ran, and each return is one entry (123)", async () => {
  const flow = `kind: workflow
name: flow
steps:
  - { id: all, nodes: { count: all }, run: "true" }
`;
  const world = await worldWith(flow, {});
  const names = Array.from(
    { length: count },
    (_, at) => `node-${at.toString(2).replaceAll("0", "a").replaceAll("1", "b")}`,
  );
  for (const name of names) await world.addNode(name);
  await world.start("flow");
  const before = world.open();
  expect(before).toHaveLength(count);

  const seen = new Map(names.map((name) => [name, 0]));
  const silent = await world.writer.decide((state) =>
    decideSilence(state.fleet, seen, limits.nodeSilenceMsMax + 1),
  );
  expect(silent).toHaveLength(count);
  const entries = world.recorded.length;
  await Promise.all(
    names.map((name) => world.writer.decide((state) => decideHello(state.fleet, name, facts))),
  );
  expect(world.recorded.length - entries).toBe(count);
  expect([...world.state.fleet.nodes.values()].every(({ state }) => state === "connected")).toBe(
    true,
  );
  expect(world.open()).toEqual(before);
});
