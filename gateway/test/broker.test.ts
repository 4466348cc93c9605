import { connect as connectSocket } from "node:net";
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedBroker, startBroker } from "../src/broker/broker.ts";
import { hashPassword } from "../src/broker/password.ts";
import type { BrokerUser, BrokerUsers } from "../src/broker/users.ts";
import type { Message } from "../src/events/events.ts";
import { limits } from "../src/limits.ts";
import { eventually } from "./kit/eventually.ts";
import { type Logbook, newLogbook } from "./kit/logbook.ts";

let users: BrokerUsers;
let broker: EmbeddedBroker;
let messages: Message[];
let logbook: Logbook;
const clients: MqttClient[] = [];

beforeAll(async () => {
  const password = await hashPassword("right");
  const user = (name: string, publish: string[], subscribe: string[]): [string, BrokerUser] => [
    name,
    { name, password, publish, subscribe },
  ];
  users = new Map([
    user("press", ["factory/press/#"], ["factory/press/+/speed"]),
    user("oven", ["factory/oven/#"], ["factory/oven/#"]),
    user("admin", ["#"], ["#"]),
  ]);
});

beforeEach(async () => {
  messages = [];
  logbook = newLogbook();
  const accept = (message: Message) => messages.push(message);
  broker = await startBroker({
    host: "127.0.0.1",
    port: 0,
    users,
    log: logbook.log,
    now: Date.now,
    accept,
  });
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await broker.close();
});

async function join(username: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await connectAsync(broker.url, {
    username,
    password: "right",
    protocolVersion: 4,
    reconnectPeriod: 0,
    connectTimeout: 5_000,
    ...options,
  });
  clients.push(client);
  return client;
}

function closing(client: MqttClient): Promise<void> {
  return new Promise((closed) => client.once("close", () => closed()));
}

describe("the embedded broker", () => {
  it("hands over what a user publishes where it may", async () => {
    const client = await join("press");
    await client.publishAsync("factory/press/7/vibration", '{"rms":5}', { qos: 1 });
    await eventually(() => expect(messages).toHaveLength(1));
    expect(messages[0]).toMatchObject({ topic: "factory/press/7/vibration", filters: null });
    expect(String(messages[0]?.payload)).toBe('{"rms":5}');
  });

  it.each([
    ["a wrong password", { password: "wrong" }],
    ["no password", { password: "" }],
    ["no user", { username: "", password: "" }],
    ["an unknown user", { username: "nobody" }],
    ["a user whose name is a property of every object", { username: "__proto__" }],
  ])("refuses %s", async (_, options) => {
    await expect(join("press", options)).rejects.toThrow(/Not authorized|Bad user ?name/i);
  });

  it("closes the connection of a user that publishes to another's topic, and hands nothing over", async () => {
    const client = await join("press");
    const closed = closing(client);
    client.publish("factory/oven/1/temperature", "{}", { qos: 1 });
    await closed;
    expect(messages).toEqual([]);
  });

  it.each(["$SYS/x/new/clients", "$share/g/factory", "$SYS/heartbeat"])(
    "lets nobody publish to %s, not even who may publish to #",
    async (topic) => {
      const client = await join("admin");
      const closed = closing(client);
      client.publish(topic, "{}", { qos: 1 });
      await closed;
      expect(messages).toEqual([]);
    },
  );

  it.each([
    "#",
    "+/#",
    "factory/#",
    "factory/press/#",
    "factory/+/+/speed",
    "$share/g/factory/press/1/speed",
    "$SYS/#",
  ])("refuses a subscription to %s that the user's filters do not cover", async (filter) => {
    const client = await join("press");
    await expect(client.subscribeAsync(filter, { qos: 1 })).rejects.toThrow();
    const admin = await join("admin");
    let heard = 0;
    client.on("message", () => {
      heard += 1;
    });
    await admin.publishAsync("factory/press/1/speed", "{}", { qos: 1 });
    await admin.publishAsync("factory/oven/1/speed", "{}", { qos: 1 });
    await eventually(() => expect(messages).toHaveLength(2));
    expect(heard).toBe(0);
  });

  it("grants a subscription within the user's filters", async () => {
    const [client, admin] = [await join("press"), await join("admin")];
    const heard: string[] = [];
    client.on("message", (topic) => heard.push(topic));
    const [granted] = await client.subscribeAsync("factory/press/1/speed", { qos: 1 });
    expect(granted?.qos).toBe(1);
    await admin.publishAsync("factory/press/1/speed", "{}", { qos: 1 });
    await eventually(() => expect(heard).toEqual(["factory/press/1/speed"]));
  });

  it("refuses another user's client id, whose connection stays", async () => {
    const press = await join("press", { clientId: "shared-id" });
    await expect(join("oven", { clientId: "shared-id" })).rejects.toThrow(/Identifier rejected/i);
    expect(press.connected).toBe(true);
    await press.publishAsync("factory/press/1/x", "{}", { qos: 1 });
  });

  it("lets a user take over its own client id, and frees the id afterwards", async () => {
    const first = await join("press", { clientId: "own-id" });
    const closed = closing(first);
    const second = await join("press", { clientId: "own-id" });
    await closed;
    await second.endAsync();
    await eventually(() => join("oven", { clientId: "own-id" }));
  });

  it("keeps no session that another user could pick up", async () => {
    const press = await join("press", { clientId: "session", clean: false });
    await press.subscribeAsync("factory/press/1/speed", { qos: 1 });
    await press.endAsync();
    const admin = await join("admin");
    await admin.publishAsync("factory/press/1/speed", "secret", { qos: 1 });
    const heard: string[] = [];
    const oven = await eventually(() => join("oven", { clientId: "session", clean: false }));
    oven.on("message", (topic) => heard.push(topic));
    await oven.subscribeAsync("factory/oven/1", { qos: 1 });
    await oven.publishAsync("factory/oven/1", "{}", { qos: 1 });
    await eventually(() => expect(heard).toEqual(["factory/oven/1"]));
  });

  it("refuses a will for another's topic", async () => {
    const will = {
      topic: "factory/oven/1/stop",
      payload: Buffer.from("{}"),
      qos: 1 as const,
      retain: false,
    };
    await expect(join("press", { will })).rejects.toThrow(/Not authorized/i);
  });

  it("publishes a will for the user's own topic", async () => {
    const will = {
      topic: "factory/press/1/gone",
      payload: Buffer.from("{}"),
      qos: 1 as const,
      retain: false,
    };
    const client = await join("press", { will });
    client.stream.destroy();
    await eventually(() => expect(messages).toMatchObject([{ topic: "factory/press/1/gone" }]));
  });

  it("closes a connection that announces a packet beyond the limit, before it is collected", async () => {
    const { hostname, port } = new URL(broker.url);
    const socket = connectSocket(Number(port), hostname);
    const closed = new Promise((done) => socket.once("close", done));
    socket.on("error", () => {});
    // CONNECT with a remaining length of 256 MiB.
    socket.write(Buffer.of(0x10, 0xff, 0xff, 0xff, 0x7f, 0x00));
    await closed;
  });

  it("closes a connection that publishes beyond the limit", async () => {
    const client = await join("press");
    const closed = closing(client);
    client.publish("factory/press/1", Buffer.alloc(limits.brokerPacketBytesMax + 1), { qos: 1 });
    await closed;
    expect(messages).toEqual([]);
  });

  it("retains no more than its limit of topics, and forgets one that is cleared", async () => {
    const client = await join("press");
    for (let at = 0; at < limits.brokerRetainedMessagesMax; at += 1) {
      client.publish(`factory/press/${at}`, "x", { qos: 0, retain: true });
    }
    await client.publishAsync("factory/press/0", "", { qos: 1, retain: true });
    await client.publishAsync("factory/press/again", "x", { qos: 1, retain: true });
    const closed = closing(client);
    client.publish("factory/press/beyond", "x", { qos: 1, retain: true });
    await closed;
    await eventually(() =>
      expect(logbook.entries).toContainEqual(
        expect.objectContaining({ topic: "factory/press/beyond" }),
      ),
    );
    expect(messages.at(-1)?.topic).toBe("factory/press/again");
  });

  it("grants no more subscriptions than its limit", async () => {
    const client = await join("admin");
    const topics = Array.from({ length: limits.brokerSubscriptionsMax }, (_, at) => `t/${at}`);
    await client.subscribeAsync(topics);
    await expect(client.subscribeAsync("one/more")).rejects.toThrow();
    await client.unsubscribeAsync("t/0");
    await client.subscribeAsync("one/more");
  });

  it("refuses to start where another listens, and says so", async () => {
    const port = Number(new URL(broker.url).port);
    const { log } = logbook;
    const second = startBroker({
      host: "127.0.0.1",
      port,
      users,
      log,
      now: Date.now,
      accept: () => {},
    });
    await expect(second).rejects.toMatchObject({ code: "SETUP_FAILED" });
  });
});

describe("what the gateway itself publishes", () => {
  const never = new AbortController().signal;
  const speed = { messageId: "r/a[0]", topic: "factory/press/7/speed", payload: "60", qos: 1 };

  it("reaches those who may read the topic, and may fire triggers as any message", async () => {
    const press = await join("press");
    const heard: string[] = [];
    press.on("message", (topic, payload) => heard.push(`${topic} ${payload}`));
    await press.subscribeAsync("factory/press/+/speed");
    expect(await broker.publish({ ...speed, retain: false }, never)).toBe("");
    await eventually(() => expect(heard).toEqual(["factory/press/7/speed 60"]));
    expect(messages).toMatchObject([{ topic: speed.topic }]);
  });

  it("is kept for those who come later, as far as the broker retains", async () => {
    expect(await broker.publish({ ...speed, retain: true }, never)).toBe("");
    const admin = await join("admin");
    const heard: boolean[] = [];
    admin.on("message", (_, __, { retain }) => heard.push(retain));
    await admin.subscribeAsync("factory/press/+/speed");
    await eventually(() => expect(heard).toEqual([true]));
    const payload = "x".repeat(limits.brokerRetainedBytesMax);
    const refusal = await broker.publish({ ...speed, topic: "b", payload, retain: true }, never);
    expect(refusal).toBe("the broker retains no more");
  });
});
