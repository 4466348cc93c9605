import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLedger } from "../kit/history.ts";
import { TestMesh } from "../kit/mesh.ts";
import { applySteps, runSteps, stepRunOf } from "../kit/step-runs.ts";

describe("messages that leave through the gateway", () => {
  let mesh: TestMesh;
  let sensor: MqttClient;
  const heard: { topic: string; payload: string }[] = [];

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.startGateway();
    sensor = await listen();
    await mesh.apply([
      {
        path: "channel.yaml",
        text: "kind: channel\nname: alerts\nmqtt: { topic: factory/line1/alerts, retain: true }\n",
      },
    ]);
  });

  afterAll(async () => {
    await sensor?.endAsync(true);
    await mesh?.stop();
  });

  const listen = async () => {
    const client = await connectAsync(`mqtt://127.0.0.1:${mesh.ports.mqtt}`, {
      username: "sensor",
      password: "sensor-password",
      clientId: "listener",
    });
    client.on("message", (topic, payload) => heard.push({ topic, payload: String(payload) }));
    await client.subscribeAsync("factory/#", { qos: 1 });
    return client;
  };
  const payloads = (topic: string) =>
    heard.filter((it) => it.topic === topic).map((it) => it.payload);

  it("reach a subscriber, by topic and by channel, before their steps end", async () => {
    const { run, output } = await runSteps(
      mesh,
      `  - id: speed
    publish: { topic: "factory/press/\${{ inputs.press }}/speed", payload: { percent: 60 } }
  - id: tell
    depends: [speed]
    publish: { channel: alerts, payload: "slowed \${{ inputs.press }}" }
`,
      "inputs: { press: {} }",
      { press: "p7" },
    );
    expect(run).toMatchObject({ state: "succeeded", reason: "" });
    expect(output("speed")).toEqual({ topic: "factory/press/p7/speed" });
    await mesh.until(async () => payloads("factory/line1/alerts").length > 0);
    expect(payloads("factory/press/p7/speed")).toEqual(['{"percent":60}']);
    expect(payloads("factory/line1/alerts")).toEqual(["slowed p7"]);
    const events = (await readLedger(mesh)).map(({ event }) => event.$case);
    const messages = events.filter((it) => it.startsWith("publication"));
    expect(messages).toEqual([
      ...["publicationIntended", "publicationEnded"],
      ...["publicationIntended", "publicationEnded"],
    ]);
  });

  it("wait while there is no gateway or no coordinator, and then leave", async () => {
    await mesh.program("gateway").kill("SIGKILL");
    const steps = `  - { id: tell, publish: { topic: factory/late, payload: "now" } }\n`;
    const run = await mesh.run(await applySteps(mesh, steps));
    await mesh.program("coordinator").kill("SIGKILL");
    await mesh.program("coordinator").start();
    expect((await mesh.getRun(run)).state).toBe("running");
    await mesh.startGateway();
    expect((await mesh.ended(run)).state).toBe("succeeded");
  });

  it("tell a channel what a step asks, and fail the step when no gateway takes them", async () => {
    const asking = `  - id: ask
    approve: { prompt: "Slow it?", roles: [operator], notify: [alerts] }\n`;
    const run = await mesh.run(await applySteps(mesh, asking));
    const notices = () => payloads("factory/line1/alerts").filter((it) => it.includes(run));
    await mesh.until(async () => notices().length > 0);
    expect(JSON.parse(notices()[0] ?? "")).toMatchObject({ run, step: "ask", prompt: "Slow it?" });
    await mesh.cohort("approve", run, "ask");
    expect((await mesh.ended(run)).state).toBe("succeeded");

    await mesh.program("gateway").kill("SIGTERM");
    const steps = "  - { id: tell, timeout: 1s, publish: { topic: factory/never } }\n";
    const failed = await mesh.ended(await mesh.run(await applySteps(mesh, steps)));
    expect(stepRunOf(mesh, failed).instance("tell").code).toBe("PUBLISH_TIMEOUT");
  });
});
