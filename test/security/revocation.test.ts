import { ProxyReply, ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { subjects } from "@cohort/proto/subjects";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { joinBus } from "../kit/bus.ts";
import { ledgerEntries } from "../kit/ledger-entries.ts";
import { caOf, joinAsIntruder } from "../kit/mesh-place.ts";
import { RogueNode } from "../kit/rogue-node.ts";
import { codeOf, Probe } from "./probe.ts";

let probe: Probe;

beforeAll(async () => {
  probe = await Probe.start();
});
afterAll(() => probe?.stop());

async function revoke(node: string) {
  const { nodes } = probe.mesh.client;
  return probe.mesh.client.call(nodes, nodes.revoke, { node, reason: "stolen" });
}

/** The call as it comes from the node's own connection, whoever holds that. */
async function proxyAs(node: RogueNode, request: ProxyRequest): Promise<ProxyReply> {
  const { connection } = await joinAsIntruder(probe.mesh);
  try {
    const reply = `${subjects.inboxPrefix(node.name)}.late`;
    const answered = new Promise<Uint8Array>((resolve) => {
      connection.subscribe(reply, { callback: (_, message) => resolve(message.data) });
    });
    const payload = ProxyRequest.encode(request).finish();
    connection.publish(subjects.up(node.name, "proxy"), payload, { reply });
    return ProxyReply.decode(await answered);
  } finally {
    await connection.close();
  }
}

describe("a revoked node", () => {
  it("loses its connection, and its key opens none again (17)", async () => {
    const node = await probe.node("thief");
    const identity = { owner: node.name, jwt: node.userJwt, seed: node.keys.natsSeed };
    await revoke(node.name);
    await node.bus.connection.closed();
    const { servers } = node;
    await expect(joinBus({ servers, ca: caOf(probe.mesh) }, identity)).rejects.toThrow(
      /revoked|authorization/i,
    );
  });

  it("has worthless tokens, though they live and its call was on the way (17)", async () => {
    const node = await probe.node("holder");
    const { token, run } = await probe.assign(node);
    await probe.expectServed(node, node.request(token, 1));
    const reached = probe.desk.requests.length;
    expect((await revoke(node.name)).ended.map(({ step }) => step)).toContain("ask");
    expect(codeOf(await proxyAs(node, node.request(token, 2)))).toBe("NODE_REVOKED");
    expect(probe.desk.requests).toHaveLength(reached);
    expect(await probe.refusals(node)).toEqual(["NODE_REVOKED"]);
    const lost = (await ledgerEntries(probe.mesh)).flatMap(({ event }) =>
      event?.$case === "attemptEnded" && event.value.attempt?.run === run
        ? [event.value.result?.code]
        : [],
    );
    expect(new Set(lost)).toEqual(new Set(["NODE_LOST"]));
  });

  it("comes back as another board by a new invite, with other keys", async () => {
    await probe.node("returner");
    await revoke("returner");
    const again = await RogueNode.start(probe.mesh, "returner");
    try {
      const { token } = await probe.assign(again);
      await probe.expectServed(again, again.request(token, 1));
    } finally {
      await again.close();
    }
  });

  it("stays revoked for a coordinator and a nats-server that start again", async () => {
    const node = await probe.node("sleeper");
    const identity = { owner: node.name, jwt: node.userJwt, seed: node.keys.natsSeed };
    await revoke(node.name);
    await node.bus.connection.closed();
    for (const name of ["nats-server", "coordinator"]) {
      const program = probe.mesh.program(name);
      await program.kill("SIGKILL");
      await program.start();
    }
    const { servers } = node;
    await expect(joinBus({ servers, ca: caOf(probe.mesh) }, identity)).rejects.toThrow(
      /revoked|authorization/i,
    );
  });
});
