import type { StartRunsReply, StartRunsRequest } from "@cohort/proto/gen/cohort/console";
import { limits } from "@cohort/proto/limits";
import { describe, expect, it } from "vitest";
import type { Methods } from "../../src/console/methods.ts";
import { runsService } from "../../src/console/runs.ts";
import { defaultRetention } from "../../src/history/retention.ts";
import { createFeed } from "../../src/state/feed.ts";
import { createWorld } from "../scheduler/world.ts";

const workflow = `kind: workflow
name: flow
inputs: { speed: { type: number } }
steps:
  - { id: a, run: "true" }
`;
const methods = {
  unary: (_: unknown, handle: unknown) => handle,
  stream: (_: unknown, handle: unknown) => handle,
} as unknown as Methods;

async function setUp() {
  const world = createWorld(workflow);
  await world.apply();
  const { writer, log } = world;
  let ids = 0;
  const service = runsService(methods, {
    writer,
    feed: createFeed(),
    history: log.history,
    retention: defaultRetention,
    stepLogs: { read: () => [] },
    newId: () => `run${++ids}`,
  });
  const startMany = service.startMany as unknown as (
    request: StartRunsRequest,
    caller: { readonly name: string },
  ) => Promise<StartRunsReply>;
  return { world, startMany };
}

const start = (inputsJson: string, idempotencyKey = "") => ({
  workflow: "flow",
  inputsJson,
  idempotencyKey,
});

describe("runs that are started by one call", () => {
  it("are each started or refused by themselves, in their order", async () => {
    const { world, startMany } = await setUp();
    const starts = [start('{"speed":1}', "k"), start("{}"), start("no"), start('{"speed":2}', "k")];
    const { results } = await startMany({ starts }, { name: "test" });
    expect(results.map(({ problems }) => problems[0]?.code)).toEqual([
      undefined,
      "INPUT_INVALID",
      "INPUT_INVALID",
      undefined,
    ]);
    const started = results.map((it) => it.started && [it.started.run, it.started.existing]);
    expect(started).toEqual([["run1", false], undefined, undefined, ["run1", true]]);
    expect(world.state.runs.byId.size).toBe(1);
  });

  it("are refused when they are more than a call may start, and none is started", async () => {
    const { world, startMany } = await setUp();
    const starts = Array.from({ length: limits.startsMax + 1 }, () => start('{"speed":1}'));
    await expect(startMany({ starts }, { name: "test" })).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
    });
    expect(world.state.runs.byId.size).toBe(0);
  });
});
