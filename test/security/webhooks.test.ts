import { createHmac } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";

/** Attack 118, and what an honest sender sees through every absence. */

const press = `kind: workflow
name: press
on:
  webhook:
    - { path: /press, secret: webhook/press, key: "\${{ event.payload.part }}" }
inputs: { part: { default: "\${{ event.payload.part }}" } }
steps: [{ id: wait, sleep: 1s }]
`;

const key = "whsec_bm90IGEgc2VjcmV0LCBhIHRlc3Q=";

interface Sent {
  readonly status: number;
  readonly body: { runs: { run: string; existing: boolean }[]; problems: { code: string }[] };
}

describe("a webhook", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    const { secrets } = mesh.client;
    const value = Buffer.from(key);
    await mesh.client.call(secrets, secrets.set, { path: "webhook/press", value, services: [] });
    await mesh.apply([{ path: "press.yaml", text: press }]);
    await mesh.startGateway();
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  function signed(body: string, id: string, ageMs = 0, secret = key): Record<string, string> {
    const timestamp = String(Math.floor((Date.now() - ageMs) / 1000));
    const bytes = Buffer.from(secret.slice("whsec_".length), "base64");
    const digest = createHmac("sha256", bytes).update(`${id}.${timestamp}.${body}`).digest();
    return {
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${digest.toString("base64")}`,
    };
  }

  async function post(body: string, headers: Record<string, string>): Promise<Sent> {
    const url = `http://127.0.0.1:${mesh.ports.webhooks}/press`;
    const response = await fetch(url, { method: "POST", body, headers });
    return { status: response.status, body: (await response.json()) as Sent["body"] };
  }

  const runs = async () => (await mesh.runsOf("press")).length;

  it("without a signature, with a wrong one or an old one starts nothing", async () => {
    const body = '{"part": "p1"}';
    const good = signed(body, "m1");
    const refused = [
      {},
      { ...good, "webhook-signature": "" },
      { ...good, "webhook-signature": "v1,AAAA" },
      { ...good, "webhook-id": "m2" },
      signed(body, "m1", 0, "whsec_b3RoZXI="),
      signed(body, "m1", 301_000),
      signed(body, "m1", -310_000),
      signed('{"part": "p2"}', "m1"),
    ];
    for (const headers of refused) {
      const { status, body: answer } = await post(body, headers as Record<string, string>);
      expect([status, answer.problems[0]?.code]).toEqual([401, "WEBHOOK_UNVERIFIED"]);
    }
    expect(await runs()).toBe(0);
  });

  it("replayed starts no second run, whether the first goes on or has ended", async () => {
    const body = '{"part": "p1"}';
    const headers = signed(body, "replayed");
    const first = await post(body, headers);
    expect(first.status).toBe(202);
    const { run } = first.body.runs[0] as { run: string };
    expect((await post(body, headers)).body.runs).toMatchObject([{ run, existing: true }]);
    await mesh.ended(run);
    expect((await post(body, headers)).body.runs).toMatchObject([{ run, existing: true }]);
    expect(await runs()).toBe(1);
  });

  it("about what a run is at work on already starts none", async () => {
    const before = await runs();
    const body = '{"part": "p9"}';
    const answers = await Promise.all(
      ["k1", "k2", "k3", "k4"].map((id) => post(body, signed(body, id))),
    );
    expect(new Set(answers.map((it) => it.body.runs[0]?.run)).size).toBe(1);
    expect(await runs()).toBe(before + 1);
  });

  it("is the sender's to repeat while the coordinator is away, and starts one run then", async () => {
    const before = await runs();
    const body = '{"part": "p3"}';
    const headers = signed(body, "away");
    await mesh.program("coordinator").kill("SIGKILL");
    expect((await post(body, headers)).status).toBe(503);
    await mesh.program("coordinator").start();
    let answer = await post(body, headers);
    for (; answer.status === 503; answer = await post(body, headers)) await delay(200);
    expect(answer.status).toBe(202);
    expect(await runs()).toBe(before + 1);
  });
});
