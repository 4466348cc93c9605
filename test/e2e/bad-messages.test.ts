import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";
import { standingOf } from "../kit/unchanged.ts";

const lathe = `
kind: workflow
name: lathe
on: { mqtt: [{ topic: factory/lathe/+, if: event.payload.rms > 4.5 }] }
inputs: { rms: { type: number, default: "\${{ event.payload.rms }}" } }
steps: [{ id: a, run: uptime }]
`;

describe("a message that is no event", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.apply([{ path: "lathe.yaml", text: lathe }]);
    await mesh.startGateway();
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  const logged = (text: string) => async () => mesh.program("gateway").log.includes(text);

  /** What comes after a bad message starts its run, so the bad one has been dealt with. */
  async function nextStartsOneRun(before: { runs: number }): Promise<void> {
    await mesh.publish("factory/lathe/0", '{"rms": 9}');
    await mesh.until(async () => (await mesh.runsOf("lathe")).length > before.runs);
    expect((await mesh.runsOf("lathe")).length).toBe(before.runs + 1);
  }

  it.each([
    ["is not JSON", "factory/lathe/1", "rms=9", "is not JSON"],
    ["is too large", "factory/lathe/2", `"${"x".repeat(262_144)}"`, "an event may have 262144"],
    ["is too deep", "factory/lathe/3", `${"[".repeat(100)}${"]".repeat(100)}`, "nested too deeply"],
  ])(
    "because it %s is named in the gateway's log and starts nothing",
    async (_, topic, payload, says) => {
      const before = await standingOf(mesh);
      await mesh.publish(topic, payload);
      await nextStartsOneRun(before);
      const line = mesh
        .program("gateway")
        .log.split("\n")
        .find((it) => it.includes(topic));
      expect(line).toContain("EVENT_PAYLOAD_INVALID");
      expect(line).toContain(says);
    },
  );

  it("because the broker does not take packets of its size ends the connection", async () => {
    const before = await standingOf(mesh);
    const client = await connectAsync(`mqtt://127.0.0.1:${mesh.ports.mqtt}`, {
      username: "sensor",
      password: "sensor-password",
      clientId: "large",
      reconnectPeriod: 0,
    });
    const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
    client.on("error", () => {});
    client.publish("factory/lathe/4", `"${"x".repeat(2 ** 20)}"`, { qos: 1 }, () => {});
    await closed;
    await mesh.until(logged("larger than"));
    await nextStartsOneRun(before);
  });

  it("because its condition has no value is named in the log and starts nothing", async () => {
    const before = await standingOf(mesh);
    await mesh.publish("factory/lathe/5", '{"speed": 9}');
    await nextStartsOneRun(before);
    await mesh.until(logged("undecided: no run"));
  });
});
