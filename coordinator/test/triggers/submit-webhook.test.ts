import { createHmac } from "node:crypto";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { describe, expect, it } from "vitest";
import { submitWebhook } from "../../src/triggers/submit-webhook.ts";
import { worldWith } from "../scheduler/world.ts";

type World = Awaited<ReturnType<typeof worldWith>>;

const flow = (name: string, keys: string) => `kind: workflow
name: ${name}
on: { webhook: [{ path: /press, ${keys} }] }
inputs: { part: { default: "\${{ event.payload.part }}" } }
steps: [{ id: a, run: "true" }]
`;
const press = flow("press", "secret: webhook/press");

const keys: Record<string, string> = { "webhook/press": "key of press", "webhook/audit": "other" };

const webhookKeys = {
  async withEachSecret<T>(
    path: string,
    { service }: { readonly service: string },
    _nowMs: number,
    use: (key: Buffer) => Promise<T | null>,
  ): Promise<T | null> {
    const key = keys[path];
    if (key === undefined || service !== "webhook") throw refuse("SECRET_UNAVAILABLE", "no secret");
    return use(Buffer.from(key));
  },
};

function send(
  world: World,
  body: string,
  { id = "m1", key = "key of press", path = "/press" } = {},
) {
  const timestamp = "1000";
  const digest = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  const request = { path, body: Buffer.from(body), id, timestamp, signature: `v1,${digest}` };
  const dependencies = {
    writer: world.writer,
    history: world.log.history,
    webhookKeys,
    now: () => 1_000_000,
    newId: world.newId,
  };
  return submitWebhook(dependencies, { ...request, hubSignature: "" }, "gateway");
}

describe("a request to a webhook", () => {
  it("starts a run with what was sent as its event", async () => {
    const world = await worldWith(press);
    const { runs } = await send(world, '{"part": "p7"}');
    expect(runs).toMatchObject([{ workflow: "press", existing: false, problems: [] }]);
    const run = world.runOf(runs[0]?.run ?? "");
    expect(run).toMatchObject({ trigger: "webhook", inputs: { part: "p7" } });
    expect(run.event).toEqual({
      source: "webhook",
      path: "/press",
      id: "m1",
      payload: { part: "p7" },
      at_ms: 1_000_000,
    });
  });

  it("starts nothing more when it is sent again", async () => {
    const world = await worldWith(press);
    const [first, second] = [
      await send(world, '{"part": "p7"}'),
      await send(world, '{"part": "p7"}'),
    ];
    expect(second.runs).toEqual([{ ...first.runs[0], existing: true }]);
    expect(world.state.runs.byId.size).toBe(1);
  });

  it("is refused in the same words, whatever is wrong, and leaves no entry", async () => {
    const world = await worldWith(`${press}---\n${flow("lost", "secret: webhook/lost")}`);
    const before = world.recorded.length;
    const refused = { code: "WEBHOOK_UNVERIFIED", message: "the request to /press is refused" };
    await expect(send(world, "{}", { key: "wrong" })).rejects.toMatchObject(refused);
    await expect(send(world, "{}", { key: "" })).rejects.toMatchObject(refused);
    await expect(send(world, "{}", { path: "/other" })).rejects.toMatchObject({
      code: "WEBHOOK_UNVERIFIED",
    });
    expect(world.recorded.length).toBe(before);
  });

  it("starts of the workflows at its path those alone whose key signed it", async () => {
    const world = await worldWith(`${press}---\n${flow("audit", "secret: webhook/audit")}`);
    const { runs } = await send(world, '{"part": "p7"}', { key: "other" });
    expect(runs.map((it) => it.workflow)).toEqual(["audit"]);
  });

  it("starts nothing where the condition does not hold, and says where it has no value", async () => {
    const condition = 'secret: webhook/press, if: "${{ event.payload.severity > 2 }}"';
    const world = await worldWith(flow("press", condition));
    expect(await send(world, '{"severity": 2}')).toEqual({ runs: [] });
    expect(await send(world, '{"part": "p7"}', { id: "m2" })).toMatchObject({
      runs: [{ workflow: "press", run: "", problems: [{ code: "INPUT_INVALID" }] }],
    });
    expect(await send(world, '{"severity": 3, "part": "x"}', { id: "m3" })).toMatchObject({
      runs: [{ problems: [] }],
    });
  });

  it("starts one run at a time of what has the same key", async () => {
    const world = await worldWith(
      flow("press", 'secret: webhook/press, key: "${{ event.payload.part }}"'),
    );
    const [first] = (await send(world, '{"part": "p7"}')).runs;
    const [second] = (await send(world, '{"part": "p7"}', { id: "m2" })).runs;
    expect(second).toEqual({ ...first, existing: true });
  });

  it("whose body is no JSON, too deep or too large is refused as such", async () => {
    const world = await worldWith(press);
    const deep = "[".repeat(100) + "]".repeat(100);
    for (const body of ["part=p7", deep, "\u0000"]) {
      await expect(send(world, body)).rejects.toMatchObject({ code: "EVENT_PAYLOAD_INVALID" });
    }
    const large = `"${"x".repeat(limits.eventBytesMax)}"`;
    await expect(send(world, large)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(world.state.runs.byId.size).toBe(0);
  });
});
