import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createServer, type TLSSocket } from "node:tls";
import { connectAsync } from "mqtt";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { hashPassword } from "../src/broker/password.ts";
import { type Certificates, makeCertificates } from "./kit/certificates.ts";
import { bundle, execute, newFolder, writeContext } from "./kit/cohort.ts";
import { eventually } from "./kit/eventually.ts";
import { type FakeConsole, startFakeConsole } from "./kit/fake-console.ts";

let gateway: string;
let certificates: Certificates;
let users: string;
let fake: FakeConsole;
const children: ReturnType<typeof spawn>[] = [];

beforeAll(async () => {
  gateway = await bundle("src/main.ts");
  certificates = await makeCertificates();
  users = join(newFolder(), "users.json");
  const password = await hashPassword("right");
  const sensor = { name: "sensor", password, publish: ["factory/#"] };
  writeFileSync(users, JSON.stringify({ users: [sensor] }), { mode: 0o600 });
});

beforeEach(async () => {
  fake = await startFakeConsole({ certificates });
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await fake.stop();
});

function start(argv: readonly string[]) {
  const child = spawn(process.execPath, [gateway, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += String(chunk);
  });
  const ready = new Promise<{ ready: boolean; broker: string }>((accept) =>
    createInterface({ input: child.stdout }).once("line", (line) =>
      accept(JSON.parse(line) as { ready: boolean; broker: string }),
    ),
  );
  const ended = new Promise<number | null>((accept) => child.once("exit", (code) => accept(code)));
  return { child, ready, ended, log: () => log };
}

const embedded = () => ["--embedded-broker", "127.0.0.1:0", "--broker-users", users];

describe("the gateway process", () => {
  it("says when it is ready, brings a sensor's message to the coordinator, and ends with SIGTERM", async () => {
    fake.setTriggers({
      webhooks: [],
      mqtt: [
        {
          workflow: "press",
          index: 0,
          topic: "factory/+/rms",
          key: "",
          debounceMs: 0,
          condition: "event.payload.rms > 4",
        },
      ],
    });
    const { child, ready, ended } = start(["--context", writeContext(fake.context), ...embedded()]);
    const { broker } = await ready;
    expect(broker).toMatch(/^mqtt:\/\/127\.0\.0\.1:\d+$/);
    const sensor = await connectAsync(broker, {
      username: "sensor",
      password: "right",
      protocolVersion: 4,
    });
    await sensor.publishAsync("factory/1/rms", '{"rms": 5}', { qos: 1 });
    await sensor.publishAsync("factory/1/rms", "garbage", { qos: 1 });
    await eventually(() =>
      expect(fake.submitted).toMatchObject([{ workflow: "press", trigger: 0 }]),
    );
    await sensor.endAsync(true);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
  });

  it("waits for a coordinator that comes later, and is ready then", async () => {
    const context = writeContext(fake.context);
    const port = Number(fake.context.endpoint.split(":")[1]);
    await fake.stop();
    const { ready, log } = start(["--context", context, ...embedded()]);
    await eventually(() => expect(log()).toContain("UNREACHABLE"), 20_000);
    fake = await startFakeConsole({ certificates, port });
    expect(await ready).toMatchObject({ ready: true });
  });

  it("submits what it has accepted before it ends", async () => {
    fake.setTriggers({
      webhooks: [],
      mqtt: [
        { workflow: "press", index: 0, topic: "factory/#", condition: "", key: "", debounceMs: 0 },
      ],
    });
    const { child, ready, ended } = start(["--context", writeContext(fake.context), ...embedded()]);
    const { broker } = await ready;
    const sensor = await connectAsync(broker, {
      username: "sensor",
      password: "right",
      protocolVersion: 4,
    });
    for (let at = 0; at < 200; at += 1) sensor.publish("factory/1", `{"n":${at}}`, { qos: 0 });
    await sensor.publishAsync("factory/1", '{"n":200}', { qos: 1 });
    await sensor.endAsync();
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(fake.submitted).toHaveLength(201);
  });

  it("sends no password to a broker whose certificate does not verify", async () => {
    const received: Buffer[] = [];
    const { certificate: cert, key } = await makeCertificates();
    const server = createServer({ cert, key }, (socket: TLSSocket) => {
      socket.on("data", (chunk) => received.push(chunk));
      socket.on("error", () => {});
    });
    server.on("tlsClientError", () => {});
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const { port } = server.address() as { port: number };
    const folder = newFolder();
    const [ca, password] = [join(folder, "ca.pem"), join(folder, "password")];
    writeFileSync(ca, certificates.ca);
    writeFileSync(password, "secret\n");
    const { log } = start([
      ...["--context", writeContext(fake.context), "--broker-url", `mqtts://localhost:${port}`],
      ...["--broker-ca", ca, "--broker-username", "gateway", "--broker-password-file", password],
    ]);
    await eventually(() => expect(log()).toMatch(/certificate/), 20_000);
    expect(Buffer.concat(received)).toHaveLength(0);
    expect(log()).not.toContain("secret");
    server.close();
  });

  it.each([
    [[]],
    [["--context", "/does/not/exist", "--embedded-broker", "127.0.0.1:0", "--broker-users", "x"]],
    [["--nonsense"]],
  ])("ends with 2 for the options %j", async (argv) => {
    expect(await execute(gateway, argv)).toMatchObject({ status: 2, stdout: "" });
  });

  it.each([
    [["--embedded-broker", "127.0.0.1:0"]],
    [["--embedded-broker", "1883", "--broker-users", "USERS"]],
    [["--broker-url", "https://localhost"]],
    [["--broker-url", "mqtts://user:password@localhost"]],
    [["--broker-url", "mqtts://localhost", "--embedded-broker", "127.0.0.1:0"]],
  ])("ends with 2 for the broker options %j", async (argv) => {
    const context = writeContext(fake.context);
    const named = argv.map((it) => (it === "USERS" ? users : it));
    expect(await execute(gateway, ["--context", context, ...named])).toMatchObject({ status: 2 });
  });

  it("refuses a users file that others can read, or whose passwords are no hashes", async () => {
    const context = writeContext(fake.context);
    const refused = async (text: string, mode: number) => {
      const path = join(newFolder(), "users.json");
      writeFileSync(path, text, { mode });
      const argv = [
        "--context",
        context,
        "--embedded-broker",
        "127.0.0.1:0",
        "--broker-users",
        path,
      ];
      return (await execute(gateway, argv)).status;
    };
    expect(await refused('{"users":[]}', 0o644)).toBe(2);
    expect(await refused('{"users":[{"name":"a","password":"plain"}]}', 0o600)).toBe(2);
    expect(
      await refused('{"users":[{"name":"a","password":"plain","publish":["a#"]}]}', 0o600),
    ).toBe(2);
    expect(await refused("[]", 0o600)).toBe(2);
  });
});
