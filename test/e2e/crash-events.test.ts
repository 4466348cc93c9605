import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";

/** No node is there to run the step: a run that was started stays, and can be counted. */
const counter = `
kind: workflow
name: counter
on: { mqtt: [{ topic: factory/count }] }
inputs: { number: { type: number, default: "\${{ event.payload.number }}" } }
steps: [{ id: wait, run: "true" }]
`;

describe("messages around a kill -9 of the coordinator", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.apply([{ path: "counter.yaml", text: counter }]);
    await mesh.startGateway();
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  it("start one run each, those that came while it was away too", async () => {
    const sensor = await connectAsync(`mqtt://127.0.0.1:${mesh.ports.mqtt}`, {
      username: "sensor",
      password: "sensor-password",
      clientId: "counting",
    });
    const publish = async (from: number, to: number) => {
      for (let number = from; number <= to; number++) {
        await sensor.publishAsync("factory/count", JSON.stringify({ number }), { qos: 1 });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await publish(1, 4);
    const killed = mesh.program("coordinator").kill("SIGKILL");
    await publish(5, 8);
    await killed;
    await publish(9, 12);
    const started = mesh.program("coordinator").start();
    await publish(13, 16);
    await started;
    await publish(17, 20);
    await mesh.until(async () => (await mesh.runsOf("counter")).length >= 20);
    await publish(21, 21);
    await sensor.endAsync();
    await mesh.until(async () => (await mesh.runsOf("counter")).length > 20);
    const numbers = (await mesh.runsOf("counter")).map(
      ({ inputsJson }) => (JSON.parse(inputsJson) as { number: number }).number,
    );
    const expected = Array.from({ length: 21 }, (_, at) => at + 1);
    expect(numbers.sort((a, b) => a - b)).toEqual(expected);
  });
});
