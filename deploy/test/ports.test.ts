import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { choosePorts, requestedPorts, requireFree } from "../src/mesh/ports.ts";
import { freePort } from "../src/supervisor/free-port.ts";

let folder: string;
const file = () => join(folder, "ports.json");

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cohort-ports-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

test("ports are the usual ones unless others are asked for, and stay what they became", async () => {
  expect(await choosePorts(file(), {})).toMatchObject({ nats: 7422, console: 7443 });
  expect(await choosePorts(file(), { console: 9000 })).toMatchObject({ nats: 7422, console: 9000 });
  expect(await choosePorts(file(), {})).toMatchObject({ nats: 7422, console: 9000 });
});

test("0 takes a free port once, for nodes keep the address that they enrolled with", async () => {
  const first = await choosePorts(file(), {
    nats: 0,
    console: 0,
    mqtt: 0,
    webhooks: 0,
    maintenance: 0,
  });
  expect(new Set(Object.values(first)).size).toBe(5);
  expect(
    await choosePorts(file(), { nats: 0, console: 0, mqtt: 0, webhooks: 0, maintenance: 0 }),
  ).toEqual(first);
});

test("what is no port is refused by the name of its variable", () => {
  expect(requestedPorts({ COHORT_NATS_PORT: "0", COHORT_MQTT_PORT: "" })).toEqual({ nats: 0 });
  for (const text of ["http", "-1", "65536", "1e3", " "]) {
    expect(() => requestedPorts({ COHORT_CONSOLE_PORT: text })).toThrow("COHORT_CONSOLE_PORT");
  }
});

test("a port in use is an error that names it and the way out", async () => {
  const console = await freePort();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(console, "127.0.0.1", resolve));
  const ports = { nats: await freePort(), console, mqtt: 1, webhooks: 1, maintenance: 1 };
  await expect(requireFree(ports, ["nats", "console"])).rejects.toMatchObject({
    code: "SETUP_FAILED",
    message: `port ${console} (console) is in use`,
    problems: [{ hint: expect.stringContaining("COHORT_CONSOLE_PORT") }],
  });
  server.close();
});
