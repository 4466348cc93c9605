import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { ProxyReply, ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { subjects } from "@cohort/proto/subjects";
import { headers as natsHeaders } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RogueNode } from "../kit/rogue-node.ts";
import { codeOf, Probe } from "./probe.ts";

/** What every variable for a proxy of the coordinator's environment names. */
let trap: Server;
let trapped = 0;
let probe: Probe;

beforeAll(async () => {
  trap = createServer((socket) => {
    trapped += 1;
    socket.destroy();
  });
  trap.listen(0, "127.0.0.1");
  await once(trap, "listening");
  const url = `http://127.0.0.1:${(trap.address() as AddressInfo).port}`;
  const names = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "GLOBAL_AGENT_HTTPS_PROXY"];
  const variables = names.flatMap((name) => [name, name.toLowerCase()]).map((it) => [it, url]);
  const environment = { ...Object.fromEntries(variables), NODE_USE_ENV_PROXY: "1", NO_PROXY: "" };
  probe = await Probe.start({ environment });
});
afterAll(async () => {
  await probe?.stop();
  trap?.close();
});

/** The call with headers of the bus's own, as any client may set them. */
async function proxyWith(
  node: RogueNode,
  request: ProxyRequest,
  claimed: Readonly<Record<string, string>>,
): Promise<ProxyReply> {
  const { connection } = node.bus;
  const reply = subjects.callInbox(node.name, node.instance, 4_000);
  const answered = new Promise<Uint8Array>((resolve) => {
    connection.subscribe(reply, { callback: (_, { data }) => resolve(data) });
  });
  const headers = natsHeaders();
  for (const [name, value] of Object.entries(claimed)) headers.set(name, value);
  const payload = ProxyRequest.encode(request).finish();
  connection.publish(subjects.up(node.name, "proxy"), payload, { reply, headers });
  return ProxyReply.decode(await answered);
}

describe("headers that claim to be someone else's (28)", () => {
  it("of the bus make a node no other: whose subject it is decides", async () => {
    const [owner, thief] = [await probe.node("owner"), await probe.node("thief")];
    const { token } = await probe.assign(owner);
    const reached = probe.desk.requests.length;
    const claimed = {
      "Nats-Request-Info": JSON.stringify({ acc: "mesh", user: owner.name }),
      "Cohort-Node": owner.name,
      "X-Cohort-Node": owner.name,
      "X-Forwarded-User": owner.name,
      Authorization: "Bearer operator",
    };
    const reply = await proxyWith(thief, owner.request(token, 1), claimed);
    expect(codeOf(reply)).toBe("TOKEN_WRONG_NODE");
    expect(probe.desk.requests).toHaveLength(reached);
    expect(await probe.refusals(thief)).toEqual(["TOKEN_WRONG_NODE"]);
    expect(await probe.refusals(owner)).toEqual([]);
    await probe.expectServed(owner, owner.request(token, 1));
  });

  it("of HTTP reach no service, whatever a node signs", async () => {
    const node = await probe.node("claimant");
    const { token } = await probe.assign(node);
    const names = [
      ...["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-user", "x-real-ip"],
      ...["via", "host", "cookie", "authorization", "proxy-authorization", "x-api-key"],
      ...["x-remote-user", "x-authenticated-user", "x-original-url", "x-http-method-override"],
      ...["x-cohort-node", "remote-user", "tailscale-user-login", "x-amzn-oidc-identity"],
    ];
    const spoofed = names.map((name) => ({ name, value: "i-am-the-operator" }));
    const type = { name: "content-type", value: "application/json" };
    await probe.expectServed(node, node.request(token, 1, { headers: [type, ...spoofed] }));
    const headers = probe.desk.requests.at(-1)?.headers;
    expect(JSON.stringify(headers)).not.toContain("i-am-the-operator");
    expect(headers).toMatchObject({
      "content-type": "application/json",
      host: expect.stringMatching(/^localhost:\d+$/),
    });
  });
});

describe("a connection that is open (47)", () => {
  it("carries no call under another credential, nor one whose address is granted no more", async () => {
    const [yaml, ca] = probe.desk.resources();
    const [other] = probe.desk.resources("other-desk");
    if (yaml === undefined || ca === undefined || other === undefined) throw new Error("no desk");
    const { secrets } = probe.mesh.client;
    const value = Buffer.from(probe.mesh.apiKey);
    const secret = { path: "other-desk/api-key", value, services: [] };
    await probe.mesh.client.call(secrets, secrets.set, secret);
    await probe.mesh.apply([other, ca, { path: "both.yaml", text: both }]);
    const node = await probe.node("reuser");
    const run = await probe.mesh.run("both");
    const token = (await node.assigned(run, "ask")).token?.token ?? "";
    let seq = 0;
    const portFor = async (service: string) => {
      await probe.expectServed(node, node.request(token, ++seq, { service }));
      return probe.desk.requests.at(-1)?.port;
    };
    const first = await portFor("desk");
    expect(await portFor("desk"), "an open connection is used again").toBe(first);
    const second = await portFor("other-desk");
    expect(second).not.toBe(first);
    expect(await portFor("desk")).toBe(first);
    expect(await portFor("other-desk")).toBe(second);
    const withdrawn = { path: yaml.path, text: yaml.text.replace(/^addresses.*\n/m, "") };
    await probe.mesh.apply([withdrawn, ca]);
    const reached = probe.desk.requests.length;
    expect(codeOf(await node.proxy(node.request(token, ++seq)))).toBe("EGRESS_DENIED");
    expect(probe.desk.requests).toHaveLength(reached);
    await probe.mesh.apply([yaml, ca]);
    await portFor("desk");
  });
});

describe("variables for a proxy in the coordinator's environment (48)", () => {
  it("are passed over: each call goes straight to its service", async () => {
    const before = trapped;
    const probing = connect((trap.address() as AddressInfo).port, "127.0.0.1");
    await once(probing, "close");
    expect(trapped, "the trap does spring").toBe(before + 1);
    expect(before, "and nothing so far has sprung it").toBe(0);
    const node = await probe.node("direct");
    const { token } = await probe.assign(node);
    await probe.expectServed(node, node.request(token, 1));
    await probe.expectServed(node, node.request(token, 2));
    expect(trapped).toBe(1);
  });
});

const both = `kind: workflow
name: both
steps:
  - id: ask
    nodes: { select: "node.name == 'reuser'" }
    command: ["true"]
    grants: { services: [desk, other-desk] }
`;
