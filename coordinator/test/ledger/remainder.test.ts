import { Entry } from "@cohort/proto/gen/cohort/ledger";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { faultOfRemainder, payloadEvents } from "@cohort/proto/ledger/remainder";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { remainderOf, restored } from "../../src/ledger/remainder.ts";

const none: ReadonlySet<string> = new Set();
const secret = "ACME of 4 Mill Lane";
const attempt = { run: "r", step: "s", instance: 0, attempt: 1 };
const result = { outcome: "failed", code: "STEP_EXIT", exit: 3, message: secret };
const withOutput = { ...result, outputJson: JSON.stringify({ name: secret }) };

/** One of each event that has a payload, with one. */
const events: Readonly<Record<(typeof payloadEvents)[number], Record<string, unknown>>> = {
  runStarted: {
    ...{ run: "r", workflow: "w", version: "v" },
    inputsJson: JSON.stringify({ zone: "north", name: secret }),
    eventJson: JSON.stringify({ payload: secret }),
  },
  stepPlanned: { run: "r", step: "s", nodes: ["", ""], variablesJson: [`{"item":"${secret}"}`] },
  stepTaken: {
    ...{ run: "r", step: "s", outcome: "failed", reason: `STEP_EXIT ${secret}` },
    instances: [{ attempt: 1, node: "n", state: "failed", result: withOutput }],
  },
  stepCached: { run: "r", step: "s", originRun: "q", outputJson: `"${secret}"` },
  attemptEnded: { attempt, result: withOutput, nodeSeq: 4 },
  stepEnded: { run: "r", step: "s", outcome: "failed", reason: `STEP_EXIT ${secret}` },
  runEnded: {
    ...{ run: "r", outcome: "failed", reason: `step s: STEP_EXIT ${secret}` },
    outputsJson: `"${secret}"`,
  },
  approvalRequested: { attempt, prompt: `Ship to ${secret}?`, roles: ["approver"] },
  approvalDecided: { attempt, approved: true, actor: "a", role: "r", comment: secret },
  publicationIntended: { attempt, channel: "c", topic: "t", payload: secret },
  callIntended: { call: "c", attempt, service: "s", method: "GET", path: `/find?q=${secret}` },
};

const entryOf = (kind: string, value: unknown) =>
  Entry.fromJSON({ seq: 7, atMs: 1_000, [kind]: value });

function leftOf(kind: string, value: unknown, placing = none): string {
  const text = remainderOf(entryOf(kind, value), placing);
  if (text === null) throw new Error("it has no payload");
  return text;
}

describe("what is left of an entry", () => {
  it.each(payloadEvents)("that is %s is well formed, and holds nothing of the payload", (kind) => {
    const text = leftOf(kind, events[kind]);
    expect(text).not.toContain(secret);
    expect(faultOfRemainder(text, 7)).toBeNull();
    expect(restored(text)).toMatchObject({ seq: 7, atMs: 1_000, event: { $case: kind } });
  });

  it("keeps who, where, when and how it ended", () => {
    expect(restored(leftOf("attemptEnded", events.attemptEnded)).event?.value).toMatchObject({
      ...{ attempt, nodeSeq: 4, result: { outcome: "failed", code: "STEP_EXIT", exit: 3 } },
    });
    expect(restored(leftOf("runEnded", events.runEnded)).event?.value).toMatchObject({
      ...{ outcome: "failed", reason: "step s: STEP_EXIT", outputsJson: "" },
    });
    expect(restored(leftOf("callIntended", events.callIntended)).event?.value).toMatchObject({
      ...{ service: "s", method: "GET", path: "/find" },
    });
    expect(restored(leftOf("approvalDecided", events.approvalDecided)).event?.value).toMatchObject({
      ...{ approved: true, actor: "a", role: "r", comment: "" },
    });
  });

  it("keeps the inputs that say where the run's steps may run, and no other", () => {
    const { event } = restored(leftOf("runStarted", events.runStarted, new Set(["zone"])));
    if (event?.$case !== "runStarted") throw new Error("it is another event");
    expect(JSON.parse(event.value.inputsJson)).toEqual({ zone: "north" });
  });

  it("is none where nothing is to be dropped", () => {
    const values = {
      runStarted: { run: "r", inputsJson: "{}" },
      stepEnded: { run: "r", step: "s", outcome: "skipped", reason: "no step failed" },
      attemptEnded: { attempt, result: { outcome: "succeeded" } },
      nodeDisconnected: { node: "n", reason: secret },
      callIntended: { call: "c", attempt, path: "/find" },
    };
    for (const [kind, value] of Object.entries(values)) {
      expect(remainderOf(entryOf(kind, value), none), kind).toBeNull();
    }
  });

  it("has inputs, event and outputs of the same length, which can be read, as they were", () => {
    fc.assert(
      fc.property(fc.json(), fc.dictionary(fc.string(), fc.json()), (output, inputs) => {
        const inputsJson = JSON.stringify(inputs).toWellFormed();
        const eventJson = JSON.stringify(JSON.parse(output)).toWellFormed();
        const started = { run: "r", inputsJson, eventJson };
        const startedLeft = remainderOf(entryOf("runStarted", started), none);
        if (startedLeft !== null) {
          const { event } = restored(startedLeft);
          if (event?.$case !== "runStarted") throw new Error("it is another event");
          expect(event.value.inputsJson).toHaveLength(inputsJson.length);
          expect(JSON.stringify(JSON.parse(event.value.eventJson))).toHaveLength(eventJson.length);
          expect(JSON.parse(event.value.inputsJson)).toEqual({});
        }
        const outputJson = output.toWellFormed();
        const { event } = restored(leftOf("stepCached", { run: "r", step: "s", outputJson }));
        if (event?.$case !== "stepCached") throw new Error("it is another event");
        expect(event.value.outputJson).toHaveLength(outputJson.length);
        expect(() => JSON.parse((event.value as { outputJson: string }).outputJson)).not.toThrow();
      }),
    );
  });
});

describe("a text that is to be what is left of an entry", () => {
  const text = leftOf("stepCached", events.stepCached);
  const forged = (kind: string) =>
    canonicalJson({ dropped: { reason: 1 }, entry: { atMs: 1, seq: 7, [kind]: {} } });

  it.each([
    ["a whole entry", '{"atMs":1,"seq":7,"stepCached":{}}', /no remainder/],
    ["no JSON", "{", /no remainder/],
    ["of another order", text.replace(/^(\{)(.*),"entry"/, '$1 $2,"entry"'), /no remainder/],
    ["of another entry", text.replace('"seq":7', '"seq":8'), /entry 8/],
    [
      "without a word of what is dropped",
      text.replace(/"dropped":\{[^}]*\}/, '"dropped":{}'),
      /no/,
    ],
    ["with more beside it", text.replace(/\}$/, ',"more":1}'), /no remainder/],
    ["of an entry that has no payload", forged("nodeRevoked"), /its kind/],
    ["of a key of the ledger", forged("ledgerKeyRotated"), /its kind/],
    ["of a record of dropped payloads", forged("payloadsDropped"), /its kind/],
    ["of two events", text.replace('"stepCached"', '"runEnded":{},"stepCached"'), /no remainder/],
    ["of none", '{"dropped":{"outputJson":1},"entry":null}', /entry undefined/],
  ])("is refused where it is %s", (_, bad, fault) => {
    expect(faultOfRemainder(bad, 7)).toMatch(fault);
  });
});
