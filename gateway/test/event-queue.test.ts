import { describe, expect, it } from "vitest";
import { EventQueue, type PendingEvent } from "../src/events/event-queue.ts";
import { limits } from "../src/limits.ts";

const event = (id: number, eventJson = "{}"): PendingEvent => ({
  id: String(id),
  workflow: "w",
  trigger: 0,
  eventJson,
});

describe("EventQueue", () => {
  it("gives events back in order, and null when it is closed and empty", async () => {
    const queue = new EventQueue(() => {});
    const early = queue.take();
    for (const id of [1, 2, 3]) queue.put(event(id));
    queue.close();
    const taken = [await early, await queue.take(), await queue.take(), await queue.take()];
    expect(taken.map((it) => it?.id)).toEqual(["1", "2", "3", undefined]);
  });

  it("drops the oldest beyond its number, and says which", () => {
    const dropped: string[] = [];
    const queue = new EventQueue(({ id }) => dropped.push(id));
    for (let id = 0; id < limits.queueEventsMax + 3; id += 1) queue.put(event(id));
    expect(dropped).toEqual(["0", "1", "2"]);
    expect(queue.size).toBe(limits.queueEventsMax);
  });

  it("drops the oldest beyond its bytes", () => {
    const dropped: string[] = [];
    const queue = new EventQueue(({ id }) => dropped.push(id));
    const quarter = "x".repeat(limits.queueBytesMax / 4);
    for (const id of [1, 2, 3, 4, 5]) queue.put(event(id, quarter));
    expect(dropped).toEqual(["1"]);
  });

  it("ends those who wait when it closes", async () => {
    const queue = new EventQueue(() => {});
    const waiting = queue.take();
    queue.close();
    expect(await waiting).toBeNull();
  });
});
