import type { PublicationOffer } from "@cohort/proto/gen/cohort/console";
import { describe, expect, it } from "vitest";
import { createOutbox, type Outbox } from "../../src/dispatch/outbox.ts";
import { decidePublished } from "../../src/scheduler/decide-published.ts";
import { schedulerLimits } from "../../src/scheduler/limits.ts";
import { worldWith } from "../scheduler/world.ts";

const flow = `kind: workflow
name: flow
inputs: { count: { type: json, default: [1] } }
steps:
  - id: tell
    for_each: "\${{ inputs.count }}"
    publish: { topic: "a/\${{ item }}" }
`;

async function world() {
  const it = await worldWith(flow);
  const outbox = createOutbox(it.state.runs);
  it.listen((recorded) => outbox.onEvents(recorded));
  return { ...it, outbox };
}

/** A gateway that writes down what it is told: "+topic" to publish, "-step[instance]" withdrawn. */
function gateway(outbox: Outbox) {
  const told: string[] = [];
  const send = ({ offer }: PublicationOffer) => {
    if (offer?.$case === "publication") told.push(`+${offer.value.topic}`);
    if (offer?.$case === "withdrawn") told.push(`-${offer.value.attempt?.instance}`);
  };
  return { told, leave: outbox.join(send) };
}

const taken = (it: Awaited<ReturnType<typeof world>>, run: string, instance = 0) => {
  const attempt = { run, step: "tell", instance, attempt: 1 };
  const published = { attempt, channel: "", gateway: "gateway", refusal: "" };
  return it.writer.decide((state) => decidePublished(state.runs, published));
};

describe("the outbox", () => {
  it("offers a message to a gateway that is there, and to one that comes", async () => {
    const it = await world();
    const early = gateway(it.outbox);
    await it.start("flow");
    expect(early.told).toEqual(["+a/1"]);
    early.leave();
    const late = gateway(it.outbox);
    expect(late.told).toEqual(["+a/1"]);
  });

  it("offers it to one at a time, and to another when that goes without a word", async () => {
    const it = await world();
    const [first, second] = [gateway(it.outbox), gateway(it.outbox)];
    const { run } = await it.start("flow");
    expect([first.told, second.told]).toEqual([["+a/1"], []]);
    first.leave();
    expect(second.told).toEqual(["+a/1"]);
    await taken(it, run);
    second.leave();
    expect(gateway(it.outbox).told).toEqual([]);
  });

  it("spreads messages over gateways", async () => {
    const it = await world();
    const [first, second] = [gateway(it.outbox), gateway(it.outbox)];
    await it.start("flow", "", { count: [1, 2, 3, 4] });
    expect([first.told.length, second.told.length]).toEqual([2, 2]);
  });

  it("gives a gateway no more at once than it may have unacknowledged", async () => {
    const it = await world();
    const only = gateway(it.outbox);
    const max = schedulerLimits.publicationsInFlightMax;
    const count = Array.from({ length: max + 2 }, (_, at) => at);
    const { run } = await it.start("flow", "", { count });
    expect(only.told).toHaveLength(max);
    await taken(it, run);
    expect(only.told.slice(max)).toEqual(["-0", `+a/${max}`]);
  });

  it("withdraws what times out or is cancelled before it was acknowledged", async () => {
    const it = await world();
    const only = gateway(it.outbox);
    await it.start("flow");
    await it.pass(10 * 60_000);
    expect(only.told).toEqual(["+a/1", "-0"]);
    const { run } = await it.start("flow");
    const value = { run, reason: "x", outcome: "cancelled", altogether: false, actor: "anna" };
    await it.record({ $case: "runStopping", value });
    expect(only.told).toEqual(["+a/1", "-0", "+a/1", "-0"]);
  });

  it("finds after a restart what was never acknowledged", async () => {
    const it = await world();
    await it.start("flow");
    expect(gateway(createOutbox(it.state.runs)).told).toEqual(["+a/1"]);
  });
});
