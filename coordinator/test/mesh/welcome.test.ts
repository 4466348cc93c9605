import { Facts, Hello } from "@cohort/proto/gen/cohort/node";
import { describe, expect, it } from "vitest";
import { decideSilence } from "../../src/fleet/decide-presence.ts";
import { decideSession } from "../../src/fleet/decide-session.ts";
import { createCheckpointSigner } from "../../src/ledger/ledger.ts";
import { openMemoryLog } from "../../src/log/memory.ts";
import { decideReports } from "../../src/scheduler/decide-reports.ts";
import { decideWelcome } from "../../src/scheduler/decide-welcome.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { createWorld } from "../scheduler/world.ts";
import { instance } from "./messages.ts";

const workflow = `
kind: workflow
name: one
steps: [{ id: step, run: sleep 1 }]
`;

const facts = Facts.fromPartial({ arch: "x86_64", isolation: "standard", slots: 4 });

const proof = new Uint8Array(64);
const options = { verify: () => true, nowMs: 0, keyOverlapMs: 0 };

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
    const hello = Hello.fromPartial({ facts, session: 0, instance, proof });
    const welcomed = world.writer.decide((it) => decideWelcome(it, "node-a", hello, options));
    const accepted = world.writer.decide((it) =>
      decideReports(it, [{ kind: "accepted", attempt }]),
    );
    held = false;
    for (const commit of commits) commit();
    await accepted;
    expect(await welcomed).toMatchObject({ superseded: [], resend: [attempt] });
    expect(world.open()).toEqual(["step[0]#1@node-a"]);
    expect(world.recorded.map(({ event }) => event.$case)).not.toContain("attemptEnded");
  });

  it("is not taken at the word of a hello of an earlier session, not even after a restart", async () => {
    const world = createWorld(workflow);
    await world.apply();
    await world.addNode("node-a");
    const { run } = await world.start("one");
    const attempt = { run, step: "step", instance: 0, attempt: 1 };
    await world.writer.decide((it) => decideReports(it, [{ kind: "accepted", attempt }]));
    const begin = () => world.writer.decide(({ fleet }) => decideSession(fleet, "node-a"));
    const [former, latter] = [await begin(), await begin()];
    const replayed = emptyState();
    for (const recorded of world.recorded) applyEvent(replayed, recorded);
    const say = (session: number) =>
      decideWelcome(
        replayed,
        "node-a",
        Hello.fromPartial({ facts, session, instance, proof }),
        options,
      );
    expect(() => say(former)).toThrowError(expect.objectContaining({ code: "SESSION_OVER" }));
    expect(() => say(latter + 1)).toThrowError(expect.objectContaining({ code: "SESSION_OVER" }));
    expect(say(latter).events.map(({ $case }) => $case)).toContain("attemptEnded");
  });

  it("has a session only as an enrolled node", () => {
    const { fleet } = emptyState();
    expect(() => decideSession(fleet, "stranger")).toThrowError(
      expect.objectContaining({ code: "NODE_UNKNOWN" }),
    );
  });
});
