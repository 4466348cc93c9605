import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { hashPassword } from "@cohort/gateway/src/broker/password.ts";
import { connectAsync } from "mqtt";
import type { Paths } from "../../setup/paths.mjs";
import { addBrokerUser } from "../mesh/broker-users.ts";
import type { Ports } from "../mesh/ports.ts";

const topic = "factory/line1/press/p1/vibration";
const payload = { rms: 6.2 };

interface Sensor {
  readonly username: string;
  readonly password: string;
}

/** The sensor's account at the embedded broker, which lets it publish its own topic and no more. */
export async function ensureSensor(paths: Paths): Promise<void> {
  const file = sensorFile(paths);
  if (existsSync(file) && existsSync(paths.brokerUsers)) return;
  const sensor: Sensor = {
    username: "vibration-p1",
    password: randomBytes(18).toString("base64url"),
  };
  const password = await hashPassword(sensor.password);
  const user = { name: sensor.username, password, publish: [topic], subscribe: [] };
  addBrokerUser(paths.brokerUsers, user);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, `${JSON.stringify(sensor, null, 2)}\n`, { mode: 0o600 });
}

/** Publishes one reading as a sensor would, and resolves when the broker has acknowledged it. */
export async function publishVibration(paths: Paths, ports: Ports): Promise<string> {
  const sensor = JSON.parse(readFileSync(sensorFile(paths), "utf8")) as Sensor;
  const client = await connectAsync(`mqtt://127.0.0.1:${ports.mqtt}`, {
    ...sensor,
    clientId: sensor.username,
    reconnectPeriod: 0,
  });
  try {
    await client.publishAsync(topic, JSON.stringify(payload), { qos: 1 });
  } finally {
    await client.endAsync();
  }
  return `${topic} ${JSON.stringify(payload)}`;
}

function sensorFile(paths: Paths): string {
  return join(paths.exampleData, "sensor.json");
}
