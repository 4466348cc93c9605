import { describe, expect, it } from "vitest";
import { decideHello } from "../../src/fleet/decide-presence.ts";
import { decideSession } from "../../src/fleet/decide-session.ts";
import { decideRevoke } from "../../src/scheduler/decide-revoke.ts";
import { createWorld } from "./world.ts";

const workflow = `kind: workflow
name: w
steps:
  - { id: moves, on_disconnect: move, run: "true" }
  - { id: waits, on_disconnect: wait, run: "true" }
  - { id: fails, on_disconnect: fail, run: "true" }
`;

async function revoke(
  it: ReturnType<typeof createWorld>,
  fields: { readonly node?: string; readonly reason?: string } = {},
) {
  const request = { node: "node-a", reason: "stolen", actor: "operator", ...fields };
  return it.writer.decide((state) => decideRevoke(state, request));
}

describe("a revoked node", () => {
  it("loses what it ran at once, and other nodes take it as its steps say", async () => {
    const it = createWorld(workflow);
    await it.apply();
    await it.addNode("node-a");
    await it.start("w");
    const { ended } = await revoke(it);
    expect(ended.map(({ step }) => step).sort()).toEqual(["fails", "moves", "waits"]);
    expect(it.open()).toEqual([]);
    const codes = it.recorded.flatMap(({ event }) =>
      event.$case === "attemptEnded"
        ? [`${event.value.attempt?.step} ${event.value.result?.code}`]
        : [],
    );
    expect(codes.sort()).toEqual(["fails NODE_DISCONNECTED", "moves NODE_LOST", "waits NODE_LOST"]);
    await it.addNode("node-bb");
    await it.pass(60_000);
    expect(it.open()).toEqual(["moves[0]#2@node-bb", "waits[0]#2@node-bb"]);
  });

  it("is given nothing more, and neither says hello nor begins a session", async () => {
    const it = createWorld(workflow);
    await it.apply();
    await it.addNode("node-a");
    await revoke(it);
    await it.start("w");
    expect(it.open()).toEqual([]);
    const revoked = expect.objectContaining({ code: "NODE_REVOKED" });
    expect(() => decideHello(it.state.fleet, "node-a", undefined)).toThrowError(revoked);
    expect(() => decideSession(it.state.fleet, "node-a")).toThrowError(revoked);
  });

  it("is named with its keys, the reason and who did it, once", async () => {
    const it = createWorld(workflow);
    await it.addNode("node-a");
    expect(await revoke(it)).toMatchObject({ changed: true, what: "node" });
    expect(await revoke(it)).toMatchObject({ changed: false, what: "node" });
    const told = it.recorded.filter(({ event }) => event.$case === "nodeRevoked");
    expect(told).toHaveLength(1);
    const natsKeys = [new Uint8Array(32).fill("node-a".length)];
    expect(told[0]?.event.value).toEqual({
      actor: "operator",
      node: "node-a",
      reason: "stolen",
      natsKeys,
    });
    expect([...it.state.fleet.voidKeys.keys()]).toEqual(["06".repeat(32)]);
  });

  it("has to be known, and the reason one line of plain text", async () => {
    const it = createWorld(workflow);
    await it.addNode("node-a");
    await expect(revoke(it, { node: "node-x" })).rejects.toMatchObject({
      code: "NODE_UNKNOWN",
      problems: [{ hint: expect.stringContaining("node-a") as unknown }],
    });
    await expect(revoke(it, { reason: "a\nb" })).rejects.toMatchObject({ code: "USAGE" });
  });
});
