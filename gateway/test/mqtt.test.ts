import { connectAsync } from "mqtt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startBroker } from "../src/broker/broker.ts";
import { hashPassword } from "../src/broker/password.ts";
import type { Message } from "../src/events/events.ts";
import { limits } from "../src/limits.ts";
import { clientIdFor, type JoinedBroker, joinBroker } from "../src/mqtt/mqtt.ts";
import { eventually } from "./kit/eventually.ts";
import { type Logbook, newLogbook } from "./kit/logbook.ts";
import { type Mqtt5Broker, startMqtt5Broker } from "./kit/mqtt5-broker.ts";

const clientId = clientIdFor("token");
const credentials = { username: "gateway", password: "right", ca: undefined, clientId };

let logbook: Logbook;
let messages: Message[];
let joined: JoinedBroker | null = null;

beforeEach(() => {
  logbook = newLogbook();
  messages = [];
});

afterEach(async () => {
  await joined?.close();
  joined = null;
});

const parts = () => ({ log: logbook.log, random: () => 0 });

function join(
  url: string,
  accept = (message: Message): unknown => messages.push(message),
): JoinedBroker {
  joined = joinBroker({ url, ...credentials }, { ...parts(), accept });
  joined.setFilters([]);
  return joined;
}

const message = { messageId: "r/a[0]", topic: "a/b", payload: "x", qos: 1, retain: true };
const never = new AbortController().signal;

describe("publishing to a joined broker", () => {
  let broker: Mqtt5Broker;

  beforeEach(async () => {
    broker = await startMqtt5Broker();
  });

  afterEach(() => broker.close());

  it("ends when the broker has acknowledged, and tells the message's id", async () => {
    const it = join(broker.url);
    expect(await it.publish(message, never)).toBe("");
    expect(broker.published).toMatchObject([
      {
        topic: "a/b",
        qos: 1,
        retain: true,
        properties: { userProperties: { "message-id": "r/a[0]" } },
      },
    ]);
    expect(String(broker.published[0]?.payload)).toBe("x");
  });

  it.each([0, 2])("takes QoS %i to its own end", async (qos) => {
    expect(await join(broker.url).publish({ ...message, qos }, never)).toBe("");
    await eventually(() => expect(broker.published).toHaveLength(1));
  });

  it("tells what the broker refuses", async () => {
    broker.verdict = 0x87;
    expect(await join(broker.url).publish(message, never)).toContain("Not authorized");
  });

  it("waits for the broker, and sends again what a lost connection left open", async () => {
    broker.verdict = null;
    const it = join(broker.url);
    const publishing = it.publish(message, never);
    await eventually(() => expect(broker.published).toHaveLength(1));
    broker.verdict = 0;
    broker.cut();
    expect(await publishing).toBe("");
    expect(broker.published.length).toBeGreaterThan(1);
  });

  it("does not send what the broker said that it cannot do", async () => {
    broker.abilities = { maximumQoS: 1, retainAvailable: false, maximumPacketSize: 1000 };
    const it = join(broker.url);
    const plain = { ...message, retain: false };
    expect(await it.publish({ ...plain, qos: 2 }, never)).toContain("no QoS 2");
    expect(await it.publish(message, never)).toContain("retains nothing");
    expect(await it.publish({ ...plain, payload: "x".repeat(900) }, never)).toContain("1000 bytes");
    expect(broker.published).toEqual([]);
  });

  it("gives up what is withdrawn while there is no connection", async () => {
    joined = joinBroker({ url: broker.url, ...credentials }, { ...parts(), accept: () => {} });
    const withdrawn = new AbortController();
    const publishing = joined.publish(message, withdrawn.signal);
    withdrawn.abort();
    expect(await publishing).toBeNull();
    joined.setFilters([]);
    await eventually(() => expect(broker.connects).toHaveLength(1));
    expect(await joined.publish({ ...message, topic: "c" }, never)).toBe("");
    expect(broker.published.map(({ topic }) => topic)).toEqual(["c"]);
  });
});

describe("joinBroker with MQTT 5", () => {
  let broker: Mqtt5Broker;

  beforeEach(async () => {
    broker = await startMqtt5Broker();
  });

  afterEach(() => broker.close());

  it("keeps a session under a stable client id, and bounds what the broker may send", async () => {
    join(broker.url);
    await eventually(() => expect(broker.connects).toHaveLength(1));
    expect(broker.connects[0]).toMatchObject({
      clientId,
      clean: false,
      protocolVersion: 5,
      properties: {
        sessionExpiryInterval: limits.mqttSessionExpirySeconds,
        maximumPacketSize: limits.mqttPacketBytesMax,
        receiveMaximum: limits.mqttReceiveMax,
      },
    });
    expect(clientId).toHaveLength(23);
  });

  it("subscribes with QoS 1, no retained messages, and an identifier that a restart does not change", async () => {
    join(broker.url).setFilters(["a/#", "b/+"]);
    await eventually(() => expect(broker.subscribes).toHaveLength(2));
    expect(broker.subscribes[0]?.subscriptions[0]).toMatchObject({ topic: "a/#", qos: 1, rh: 2 });
    broker.cut();
    await eventually(() => expect(broker.subscribes).toHaveLength(4));
    const identifiers = broker.subscribes.map((it) => it.properties?.subscriptionIdentifier);
    expect(identifiers.slice(2)).toEqual(identifiers.slice(0, 2));
    expect(identifiers[0]).not.toBe(identifiers[1]);
  });

  it("says which subscriptions a copy is for, and nothing of those it no longer has", async () => {
    join(broker.url).setFilters(["a/#"]);
    await eventually(() => expect(broker.subscribes).toHaveLength(1));
    const ours = Number(broker.subscribes[0]?.properties?.subscriptionIdentifier);
    broker.deliver({ topic: "a/b", payload: "1", messageId: 1, subscriptionIdentifier: ours });
    broker.deliver({ topic: "a/b", payload: "2", messageId: 2, subscriptionIdentifier: ours + 1 });
    await eventually(() => expect(messages).toHaveLength(2));
    expect(messages.map(({ filters }) => [...(filters ?? [])])).toEqual([["a/#"], []]);
  });

  it("acknowledges a message only after it was taken over", async () => {
    const order: string[] = [];
    join(broker.url, () => order.push(`taken, ${broker.acknowledged.length} acknowledged`));
    await eventually(() => expect(broker.connects).toHaveLength(1));
    broker.deliver({ topic: "a/b", payload: "{}", messageId: 7 });
    await eventually(() => expect(broker.acknowledged).toEqual([7]));
    expect(order).toEqual(["taken, 0 acknowledged"]);
  });

  it("acknowledges a retained message without taking it for an event", async () => {
    join(broker.url);
    await eventually(() => expect(broker.connects).toHaveLength(1));
    broker.deliver({ topic: "a/b", payload: "{}", messageId: 7, retain: true });
    await eventually(() => expect(broker.acknowledged).toEqual([7]));
    expect(messages).toEqual([]);
  });

  it("unsubscribes from what no trigger listens to any more", async () => {
    const gateway = join(broker.url);
    gateway.setFilters(["a/#", "b/#"]);
    await eventually(() => expect(broker.subscribes).toHaveLength(2));
    gateway.setFilters(["b/#"]);
    await eventually(() => expect(broker.unsubscribed).toEqual(["a/#"]));
    expect(broker.subscribes).toHaveLength(2);
  });

  it("closes although the broker is gone", async () => {
    const gateway = join(broker.url);
    await eventually(() => expect(broker.connects).toHaveLength(1));
    await broker.close();
    await eventually(() =>
      expect(logbook.entries).toContainEqual(
        expect.objectContaining({ msg: "the broker is away" }),
      ),
    );
    await gateway.close();
    joined = null;
    broker = await startMqtt5Broker();
  });
});

describe("joinBroker before the triggers are known", () => {
  it("does not connect, so that kept messages do not come too early, and closes", async () => {
    const broker = await startMqtt5Broker();
    const parts = { log: logbook.log, random: () => 0, accept: () => {} };
    const gateway = joinBroker({ url: broker.url, ...credentials }, parts);
    await new Promise((passed) => setTimeout(passed, 300));
    expect(broker.connects).toEqual([]);
    await gateway.close();
    await broker.close();
  });
});

describe("joinBroker with MQTT 3.1.1", () => {
  it("falls back to what the broker speaks, and receives", async () => {
    const password = await hashPassword("right");
    const user = (name: string) =>
      [name, { name, password, publish: ["#"], subscribe: ["#"] }] as const;
    const users = new Map([user("gateway"), user("sensor")]);
    const quiet = newLogbook().log;
    const broker = await startBroker({
      host: "127.0.0.1",
      port: 0,
      users,
      log: quiet,
      now: Date.now,
      accept: () => {},
    });
    join(broker.url).setFilters(["a/#"]);
    await eventually(() =>
      expect(logbook.entries).toContainEqual(expect.objectContaining({ msg: "joined the broker" })),
    );
    const sensor = await connectAsync(broker.url, {
      username: "sensor",
      password: "right",
      protocolVersion: 4,
    });
    await eventually(async () => {
      await sensor.publishAsync("a/b", '{"n":1}', { qos: 1 });
      expect(messages.length).toBeGreaterThan(0);
    });
    expect(messages[0]).toMatchObject({ topic: "a/b", filters: null });
    await sensor.endAsync(true);
    await joined?.close();
    joined = null;
    await broker.close();
  });
});
