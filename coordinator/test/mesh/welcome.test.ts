import { Facts } from "@cohort/proto/gen/cohort/node";
import { describe, expect, it } from "vitest";
import { decideSilence } from "../../src/fleet/decide-presence.ts";
import { createCheckpointSigner } from "../../src/ledger/ledger.ts";
import { openMemoryLog } from "../../src/log/memory.ts";
import { decideAccepted } from "../../src/scheduler/decide-attempt.ts";
import { decideWelcome } from "../../src/scheduler/decide-welcome.ts";
import { createWorld } from "../scheduler/world.ts";

const workflow = `
kind: workflow
name: one
steps: [{ id: step, run: sleep 1 }]
`;

const facts = Facts.fromPartial({ arch: "x86_64", isolation: "standard", slots: 4 });

describe("a node that says hello", () => {
  it("keeps an attempt that it accepts while the hello is being recorded", async () => {
    const commits: (() => void)[] = [];
    let held = false;
    const signer = createCheckpointSigner(new Uint8Array(32), "test");
    const schedule = (run: () => void) => (held ? void commits.push(run) : queueMicrotask(run));
    const world = createWorld(workflow, openMemoryLog({ signer, schedule }));
    await world.apply();
    await world.addNode("node-a");
    const { run } = await world.start("one");
    const attempt = { run, step: "step", instance: 0, attempt: 1 };
    await world.writer.decide(({ fleet }) => decideSilence(fleet, new Map([["node-a", 0]]), 1e9));

    held = true;
    const hello = { facts, inventory: [] };
    const welcomed = world.writer.decide((it) => decideWelcome(it, "node-a", hello));
    const accepted = world.writer.decide(({ runs }) => decideAccepted(runs, attempt));
    held = false;
    for (const commit of commits) commit();
    await accepted;
    expect(await welcomed).toMatchObject({ superseded: [], resend: [attempt] });
    expect(world.open()).toEqual(["step[0]#1@node-a"]);
    expect(world.recorded.map(({ event }) => event.$case)).not.toContain("attemptEnded");
  });
});
