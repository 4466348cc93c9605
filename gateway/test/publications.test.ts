import type { Publication, PublicationOffer } from "@cohort/proto/gen/cohort/console";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConsoleClient } from "../src/console-client/console-client.ts";
import { type Outgoing, publishOffers } from "../src/publications/publications.ts";
import { eventually } from "./kit/eventually.ts";
import { type FakeConsole, Refusal, startFakeConsole } from "./kit/fake-console.ts";
import { newLogbook } from "./kit/logbook.ts";

let fake: FakeConsole;
let client: ConsoleClient;
let stopping: AbortController;
let working: Promise<void>;
/** Messages handed to the broker, each with the way to answer. */
let handed: { message: Outgoing; answer(refusal: string): void; aborted(): boolean }[];

beforeEach(async () => {
  fake = await startFakeConsole();
  client = new ConsoleClient(fake.context);
  stopping = new AbortController();
  handed = [];
  working = publishOffers({
    console: client,
    log: newLogbook().log,
    random: () => 0,
    signal: stopping.signal,
    publish: (message, signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => resolve(null));
        handed.push({ message, answer: resolve, aborted: () => signal.aborted });
      }),
  });
  await eventually(() => expect(fake.gateways()).toBe(1));
});

afterEach(async () => {
  stopping.abort();
  await working;
  client.close();
  await fake.stop();
});

const keyOf = (instance: number) => ({
  attempt: { run: "r", step: "tell", instance, attempt: 1 },
  channel: "",
});
const message = { messageId: "r/tell[0]", topic: "a", payload: "x", qos: 1, retain: false };
const publication = (instance = 0): Publication => ({ key: keyOf(instance), ...message });
const offer = (instance = 0): PublicationOffer => ({
  offer: { $case: "publication", value: publication(instance) },
});
const withdrawal = (instance = 0): PublicationOffer => ({
  offer: { $case: "withdrawn", value: keyOf(instance) },
});

describe("what the coordinator offers", () => {
  it("is acknowledged when the broker has taken it, and not before", async () => {
    fake.offer(offer());
    await eventually(() => expect(handed).toHaveLength(1));
    expect(handed[0]?.message).toMatchObject(message);
    expect(fake.acknowledged).toEqual([]);
    handed[0]?.answer("");
    await eventually(() => expect(fake.acknowledged).toEqual([{ key: keyOf(0), refusal: "" }]));
  });

  it("is reported with the broker's word when that refuses it", async () => {
    fake.offer(offer());
    await eventually(() => expect(handed).toHaveLength(1));
    handed[0]?.answer("not authorized");
    await eventually(() =>
      expect(fake.acknowledged).toEqual([{ key: keyOf(0), refusal: "not authorized" }]),
    );
  });

  it("is not published when it is withdrawn before the broker has it", async () => {
    fake.offer(offer());
    await eventually(() => expect(handed).toHaveLength(1));
    fake.offer(withdrawal());
    await eventually(() => expect(handed[0]?.aborted()).toBe(true));
    fake.offer(offer(1));
    await eventually(() => expect(handed).toHaveLength(2));
    expect(fake.acknowledged).toEqual([]);
  });

  it("is not published again when it is offered again, only acknowledged", async () => {
    fake.offer(offer());
    await eventually(() => expect(handed).toHaveLength(1));
    fake.cutGateways();
    await eventually(() => expect(fake.gateways()).toBe(1));
    fake.offer(offer());
    fake.offer(offer(1));
    await eventually(() => expect(handed).toHaveLength(2));
    handed[0]?.answer("");
    await eventually(() => expect(fake.acknowledged).toHaveLength(1));
    fake.offer(offer());
    await eventually(() => expect(fake.acknowledged).toHaveLength(2));
    expect(handed).toHaveLength(2);
  });

  it("is acknowledged until the coordinator has heard it", async () => {
    let refusals = 2;
    fake.handlers["Events.acknowledgePublication"] = () => {
      if (refusals-- > 0) throw new Refusal("LEDGER_UNWRITABLE");
      return {};
    };
    fake.offer(offer());
    await eventually(() => expect(handed).toHaveLength(1));
    handed[0]?.answer("");
    await eventually(() => expect(fake.requests).toHaveLength(3));
  });
});
