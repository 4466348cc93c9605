import { randomBytes } from "node:crypto";
import type { MqttTrigger } from "@cohort/proto/gen/cohort/console";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConsoleClient } from "../src/console-client/console-client.ts";
import { Events } from "../src/events/events.ts";
import { makeCertificates } from "./kit/certificates.ts";
import { eventually } from "./kit/eventually.ts";
import { type FakeConsole, Refusal, startFakeConsole } from "./kit/fake-console.ts";
import { type Logbook, newLogbook } from "./kit/logbook.ts";

let fake: FakeConsole;
let client: ConsoleClient;
let logbook: Logbook;
let events: Events;
let filters: readonly string[];
let stopping: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  fake = await startFakeConsole();
  client = new ConsoleClient(fake.context);
  logbook = newLogbook();
  stopping = new AbortController();
  filters = [];
  events = new Events({
    console: client,
    log: logbook.log,
    now: Date.now,
    random: () => 0,
    randomBytes,
    onTriggers: (wanted) => {
      filters = wanted;
    },
  });
  running = events.run(stopping.signal, stopping.signal);
});

afterEach(async () => {
  stopping.abort();
  await running;
  client.close();
  await fake.stop();
});

function trigger(workflow: string, topic: string, condition = "", index = 0): MqttTrigger {
  return { workflow, index, topic, condition, key: "", debounceMs: 0 };
}

async function use(...mqtt: MqttTrigger[]): Promise<void> {
  fake.setTriggers({ mqtt, webhooks: [] });
  await eventually(() =>
    expect([...filters].sort()).toEqual([...new Set(mqtt.map((it) => it.topic))].sort()),
  );
}

function send(
  topic: string,
  payload: string | Buffer,
  from: ReadonlySet<string> | null = null,
): void {
  events.accept({ topic, payload: Buffer.from(payload), filters: from });
}

describe("Events", () => {
  it("submits what fires a trigger, as source, levels, payload and time", async () => {
    await use(trigger("vibration", "factory/+/press/+/vibration", "event.payload.rms > 4.5", 2));
    const before = Date.now();
    send("factory/line1/press/7/vibration", '{"rms": 4.4}');
    send("factory/line1/press/7/vibration", '{"rms": 4.6}');
    send("factory/line1/press/7/other", '{"rms": 9}');
    await eventually(() => expect(fake.submitted).toHaveLength(1));
    const [submitted] = fake.submitted;
    expect(submitted).toMatchObject({ source: "mqtt", workflow: "vibration", trigger: 2 });
    expect(submitted?.id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    const event = JSON.parse(submitted?.eventJson ?? "") as { at_ms: number };
    expect(event).toEqual({
      source: "mqtt",
      topic: ["factory", "line1", "press", "7", "vibration"],
      payload: { rms: 4.6 },
      at_ms: expect.any(Number),
    });
    expect(event.at_ms).toBeGreaterThanOrEqual(before);
  });

  it("gives each workflow that a message starts an event id of its own", async () => {
    await use(trigger("one", "a/#"), trigger("two", "a/+", "event.topic[1] == 'b'"));
    send("a/b", "{}");
    await eventually(() => expect(fake.submitted).toHaveLength(2));
    expect(new Set(fake.submitted.map(({ id }) => id)).size).toBe(2);
  });

  it("submits one of a row with the same key, also after the triggers were named again", async () => {
    const rested = { ...trigger("one", "a/+"), key: "${{ event.topic[1] }}", debounceMs: 60_000 };
    await use(rested);
    send("a/b", "1");
    send("a/b", "2");
    await use(trigger("two", "c"), { ...rested });
    send("a/b", "3");
    send("a/c", "4");
    send("c", "5");
    await eventually(() => expect(fake.submitted).toHaveLength(3));
    expect(fake.submitted.map((it) => JSON.parse(it.eventJson).payload)).toEqual([1, 4, 5]);
  });

  it("starts nothing when a key has no value, and says why", async () => {
    await use({ ...trigger("one", "a"), key: "${{ event.payload.press }}" }, trigger("two", "a"));
    send("a", "{}");
    await eventually(() => expect(fake.submitted).toHaveLength(1));
    expect(logbook.entries.filter((it) => it["msg"] === "undecided: no run")).toHaveLength(1);
  });

  it("fires once each when a broker sends one copy for each overlapping subscription", async () => {
    await use(trigger("one", "a/#"), trigger("two", "a/+"));
    send("a/b", "{}", new Set(["a/#"]));
    send("a/b", "{}", new Set(["a/+"]));
    send("a/b", "{}", new Set(["from an earlier session"]));
    await eventually(() => expect(fake.submitted).toHaveLength(2));
    expect(fake.submitted.map(({ workflow }) => workflow).sort()).toEqual(["one", "two"]);
  });

  it("logs a payload that is no JSON with topic and hint, once for many, and submits nothing", async () => {
    await use(trigger("one", "a/#"));
    for (let at = 0; at < 500; at += 1) send("a/b", "not json");
    send("a/b", "{}");
    await eventually(() => expect(fake.submitted).toHaveLength(1));
    const lines = logbook.entries.filter((it) => it["topic"] === "a/b");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      problem: { code: "EVENT_PAYLOAD_INVALID", hint: expect.stringContaining("JSON") },
    });
  });

  it("starts nothing when a condition cannot be decided, and says why", async () => {
    await use(
      trigger("one", "a/#", "event.payload.missing.deeper > 1"),
      trigger("two", "a/#", "event.payload.n"),
    );
    send("a/b", '{"n": 1}');
    await eventually(() =>
      expect(logbook.entries.filter((it) => it["msg"] === "undecided: no run")).toHaveLength(2),
    );
    expect(fake.submitted).toEqual([]);
  });

  it("passes over a trigger that cannot be compiled, and uses the others", async () => {
    fake.setTriggers({
      webhooks: [],
      mqtt: [trigger("bad", "a/#", "event.("), trigger("worse", "#/a"), trigger("good", "a/#")],
    });
    await eventually(() => expect(filters).toEqual(["a/#"]));
    send("a/b", "{}");
    await eventually(() =>
      expect(fake.submitted.map(({ workflow }) => workflow)).toEqual(["good"]),
    );
  });

  it("sends the same id again when the coordinator is unavailable", async () => {
    await use(trigger("one", "a/#"));
    const ids: string[] = [];
    fake.handlers["Events.submit"] = ({ id }: { id: string }) => {
      ids.push(id);
      if (ids.length < 3) throw new Refusal("LEDGER_UNWRITABLE");
      return { run: "r", existing: false };
    };
    send("a/b", "{}");
    await eventually(() => expect(ids).toHaveLength(3));
    expect(new Set(ids).size).toBe(1);
  });

  it("gives up an event that the coordinator refuses for good", async () => {
    await use(trigger("gone", "a/#"));
    let times = 0;
    fake.handlers["Events.submit"] = () => {
      times += 1;
      throw new Refusal("WORKFLOW_UNKNOWN");
    };
    send("a/b", "{}");
    await eventually(() =>
      expect(logbook.entries).toContainEqual(
        expect.objectContaining({ msg: "the coordinator refused an event" }),
      ),
    );
    expect(times).toBe(1);
  });

  it("keeps events and triggers through an absence of the coordinator", async () => {
    stopping.abort();
    await running;
    await fake.stop();
    const certificates = await makeCertificates();
    const first = await startFakeConsole({ certificates });
    const port = Number(first.context.endpoint.split(":")[1]);
    const console = new ConsoleClient(first.context);
    stopping = new AbortController();
    let wanted: readonly string[] = [];
    events = new Events({
      console,
      log: logbook.log,
      now: Date.now,
      random: () => 0,
      randomBytes,
      onTriggers: (list) => {
        wanted = list;
      },
    });
    running = events.run(stopping.signal, stopping.signal);
    first.setTriggers({ mqtt: [trigger("one", "a/#")], webhooks: [] });
    await eventually(() => expect(wanted).toEqual(["a/#"]));
    await first.stop();
    for (let at = 0; at < 20; at += 1) send("a/b", `{"n": ${at}}`);
    const second = await startFakeConsole({ certificates, port });
    second.setTriggers({ mqtt: [trigger("two", "b/#")], webhooks: [] });
    await eventually(() => expect(second.submitted).toHaveLength(20), 20_000);
    await eventually(() => expect(wanted).toEqual(["b/#"]), 20_000);
    stopping.abort();
    await running;
    console.close();
    await second.stop();
  });
});
