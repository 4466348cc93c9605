import { describe, expect, it } from "vitest";
import { submitEvent } from "../../src/triggers/submit-event.ts";
import { triggerSet } from "../../src/triggers/triggers.ts";
import { worldWith } from "../scheduler/world.ts";

type World = Awaited<ReturnType<typeof worldWith>>;

const press = `kind: workflow
name: press
on:
  mqtt:
    - topic: factory/+/vibration
      if: "\${{ event.payload.rms > 4.5 }}"
      key: "\${{ event.topic[1] }}"
      debounce: 30s
    - topic: factory/+/alarm
  webhook: [{ path: /press, secret: webhook/press }]
steps: [{ id: a, run: "true" }]
`;

let events = 0;
function submit(world: World, topic: string, trigger = 0, id = `event${++events}`) {
  const event = { source: "mqtt", topic: topic.split("/"), payload: { rms: 9 } };
  const eventJson = JSON.stringify(event);
  const request = { id, source: "mqtt", workflow: "press", trigger, eventJson };
  return submitEvent(world.writer, world.log.history, request, "gateway", world.newId());
}

describe("the set of triggers", () => {
  it("tells gateways topic, condition, key and rest of each", async () => {
    const { state } = await worldWith(press);
    const shared = { workflow: "press" };
    const { mqtt, webhooks } = triggerSet(state.catalogue);
    expect(webhooks).toEqual(["/press"]);
    expect(mqtt).toEqual([
      {
        ...shared,
        index: 0,
        topic: "factory/+/vibration",
        condition: "event.payload.rms > 4.5",
        key: "${{ event.topic[1] }}",
        debounceMs: 30_000,
      },
      { ...shared, index: 1, topic: "factory/+/alarm", condition: "", key: "", debounceMs: 0 },
    ]);
  });
});

describe("an event with a key", () => {
  it("starts no run while one of the same key goes on, and is answered with that", async () => {
    const world = await worldWith(press);
    const first = await submit(world, "factory/p1/vibration");
    expect(await submit(world, "factory/p1/vibration")).toEqual({ run: first.run, existing: true });
    const other = await submit(world, "factory/p2/vibration");
    expect(other).toMatchObject({ existing: false });
    expect(world.state.runs.active.size).toBe(2);
  });

  it("starts the next run when the former has ended, however it ended", async () => {
    const world = await worldWith(press);
    const { run } = await submit(world, "factory/p1/vibration");
    await world.finish(run, "a", { outcome: "failed", code: "STEP_EXIT" });
    expect(world.runOf(run).state).toBe("failed");
    const next = await submit(world, "factory/p1/vibration");
    expect(next.existing).toBe(false);
    expect(next.run).not.toBe(run);
    expect([...world.state.runs.byTriggerKey]).toEqual([["press/p1", next.run]]);
  });

  it("is still the event that started its run when it is submitted again", async () => {
    const world = await worldWith(press);
    const { run } = await submit(world, "factory/p1/vibration", 0, "again");
    await world.finish(run, "a");
    expect(await submit(world, "factory/p1/vibration", 0, "again")).toEqual({
      run,
      existing: true,
    });
  });

  it("is refused with the reason where the key has no value, and starts nothing", async () => {
    const world = await worldWith(press);
    await expect(submit(world, "factory")).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringContaining("the trigger's key cannot be computed"),
    });
    await expect(submit(world, `factory/${"x".repeat(257)}`)).rejects.toMatchObject({
      message: expect.stringContaining("257 characters"),
    });
    expect(world.state.runs.byId.size).toBe(0);
  });
});

describe("an event without a key", () => {
  it("starts a run each time, beside those that have one", async () => {
    const world = await worldWith(press);
    await submit(world, "factory/p1/vibration");
    const alarms = [
      await submit(world, "factory/p1/alarm", 1),
      await submit(world, "factory/p1/alarm", 1),
    ];
    expect(alarms.map((it) => it.existing)).toEqual([false, false]);
    expect(world.state.runs.active.size).toBe(3);
  });

  it("of a trigger that the workflow does not have is refused", async () => {
    const world = await worldWith(press);
    await expect(submit(world, "factory/p1/alarm", 2)).rejects.toMatchObject({ code: "USAGE" });
  });
});
