import { ProxyReply, ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { subjects } from "@cohort/proto/subjects";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { joinBus } from "../kit/bus.ts";
import { runCli } from "../kit/cli.ts";
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

describe("a revoked token", () => {
  const cohort = (...argv: string[]) => runCli(["--context", probe.mesh.context, ...argv]);
  const listed = async (run: string) => {
    const { stdout } = await cohort("token", "list", "--run", run, "-o", "json");
    const { tokens } = JSON.parse(stdout) as { tokens: { token: string; revoked: boolean }[] };
    return tokens;
  };
  /** The id by which the ledger names the token that the node's latest call was made with. */
  const usedBy = async (node: RogueNode) => {
    const calls = (await ledgerEntries(probe.mesh)).flatMap(({ event }) =>
      event?.$case === "callIntended" && event.value.node === node.name ? [event.value.token] : [],
    );
    return calls.at(-1) ?? "";
  };

  const charges = async (run: string) => (await probe.mesh.getRun(run)).charges;

  it("is one that the ledger names: it opens nothing more, nor does one of its attempt", async () => {
    const node = await probe.node("strange");
    const other = await probe.node("honest");
    const { token, attempt, run } = await probe.assign(node);
    const others = await probe.assign(other);
    await probe.expectServed(node, node.request(token, 1));
    const renewed = node.open((await node.renew(attempt)).sealedToken)?.token ?? "";
    const id = await usedBy(node);
    expect((await listed(run)).map((it) => it.token)).toContain(id);
    const revoked = await cohort("token", "revoke", id, "--reason", "a strange call");
    expect(revoked).toMatchObject({ exit: 0, stdout: expect.stringContaining(id) });
    await probe.expectRefused(node, node.request(token, 2), "TOKEN_REVOKED");
    await probe.expectRefused(node, node.request(renewed, 3), "TOKEN_REVOKED");
    const anew = await node.renew(attempt);
    expect([anew.problems[0]?.code, anew.sealedToken.length]).toEqual(["TOKEN_REVOKED", 0]);
    expect((await listed(run)).every((it) => it.revoked)).toBe(true);
    const again = await cohort("token", "revoke", id);
    expect(again).toMatchObject({ exit: 0, stdout: expect.stringContaining("before") });
    const entries = (await ledgerEntries(probe.mesh)).flatMap(({ event }) =>
      event?.$case === "tokenRevoked" ? [event.value] : [],
    );
    expect(entries).toEqual([
      { actor: "operator", token: id, attempt, node: "strange", reason: "a strange call" },
    ]);
    expect((await probe.mesh.getRun(run)).state).toBe("running");
    await probe.expectServed(other, other.request(others.token, 1));
  });

  it("stays so after the coordinator was killed; its step's next attempt has another", async () => {
    const node = await probe.node("patient");
    const { token, attempt, run } = await probe.assign(node);
    await probe.expectServed(node, node.request(token, 1));
    expect(await cohort("token", "revoke", await usedBy(node))).toMatchObject({ exit: 0 });
    const coordinator = probe.mesh.program("coordinator");
    await coordinator.kill("SIGKILL");
    await coordinator.start();
    await probe.mesh.until(async () => (await node.hello()).problems.length === 0);
    await probe.expectRefused(node, node.request(token, 2), "TOKEN_REVOKED");
    expect((await node.renew(attempt)).problems[0]?.code).toBe("TOKEN_REVOKED");
    // With another of its attempt, where the dispatch was sent again to a node that did not answer it.
    const tokens = await listed(run);
    expect(tokens).not.toEqual([]);
    expect(tokens.filter((it) => !it.revoked)).toEqual([]);
    await node.finish(attempt, "failed");
    const second = await node.assigned(run, "ask", 2);
    await probe.expectServed(node, node.request(second.token?.token ?? "", 1));
  });

  it("breaks off the call that is out under it, which is paid for", async () => {
    const node = await probe.node("dawdler");
    const { token, attempt } = await probe.assign(node);
    const held = probe.desk.hold();
    const reply = node.proxy(node.request(token, 1));
    await held.reached;
    expect(await cohort("token", "revoke", await usedBy(node))).toMatchObject({ exit: 0 });
    expect(codeOf(await reply)).toBe("CALL_CANCELLED");
    await held.cut;
    await probe.mesh.until(async () => (await charges(attempt.run))[0]?.state === "posted");
    expect(await charges(attempt.run)).toMatchObject([{ service: "desk", nanoUsd: 10_000_000 }]);
  });

  it("that is unknown, expired or no id at all is told so, with the remedy", async () => {
    for (const [id, exit, code] of [
      ["7ZZZZZZZZZZZZZZZZZZZZZZZZZ", 4, "TOKEN_UNKNOWN"],
      ["01JD9V8Z5N4QJ9W8X7Y6Z5A4B3", 4, "TOKEN_EXPIRED"],
      ["v4.local.AAAA", 2, "USAGE"],
    ] as const) {
      const { exit: status, stderr } = await cohort("token", "revoke", id);
      expect([status, stderr], id).toEqual([exit, expect.stringContaining(code)]);
      expect(stderr).toContain("cohort token list");
    }
    expect(await cohort("token", "list", "--node", "nobody")).toMatchObject({
      exit: 4,
      stderr: expect.stringContaining("NODE_UNKNOWN"),
    });
  });
});

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
