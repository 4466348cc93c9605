import {
  EventBatch,
  Heartbeat,
  Hello,
  type NodeEvent,
  RenewRequest,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { CohortError } from "@cohort/proto/problem";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inputs } from "../../src/mesh/inputs.ts";
import { meshLimits } from "../../src/mesh/limits.ts";
import { attempt, enrolRequest, facts, hello, instance } from "./messages.ts";

const invite = "01JD0000000000000000000001";

const usage = { cpuMs: 1, memoryPeakBytes: 2, wallMs: 3, bytesIn: 0, bytesOut: 0, deviceReads: [] };
const finished = {
  outcome: "failed",
  code: "STEP_EXIT",
  exit: 1,
  message: "exit 1",
  outputJson: "",
  usage,
};
const log = { stream: 1, offset: 0, data: new Uint8Array(limits.logChunkBytesMax) };

function events(...list: NodeEvent["event"][]): Uint8Array {
  return EventBatch.encode({
    events: list.map((event, index) => ({ seq: index + 1, atMs: 0, attempt, event })),
  }).finish();
}

describe("what a node sends", () => {
  it("is taken when it is as an honest node writes it", () => {
    expect(inputs.hello(hello).inventory).toEqual([{ attempt, state: "running" }]);
    const batch = inputs.events(
      events(
        { $case: "started", value: {} },
        { $case: "log", value: log },
        { $case: "finished", value: finished },
        { $case: "finished", value: { ...finished, usage: undefined } },
      ),
    );
    expect(batch.events.map((it) => it.event?.$case)).toEqual([
      "started",
      "log",
      "finished",
      "finished",
    ]);
    expect(inputs.renew(RenewRequest.encode({ attempt }).finish())).toEqual({ attempt });
    expect(inputs.enrol(enrolRequest({ invite }))).toMatchObject({ invite, facts });
  });

  it("keeps no more of the network's buffer than the keys themselves", () => {
    const { natsKey, signKey, boxKey } = inputs.enrol(enrolRequest({ invite }));
    for (const key of [natsKey, signKey, boxKey]) expect(key.buffer.byteLength).toBe(32);
  });

  it.each([
    ["a key that is too short", enrolRequest({ invite, boxKey: new Uint8Array(31) })],
    ["a proof that is too long", enrolRequest({ invite, proof: new Uint8Array(65) })],
    ["an invite that is no ULID", enrolRequest({ invite: "mine" })],
    ["no facts", enrolRequest({ invite, facts: undefined })],
    [
      "a host name with a line end",
      enrolRequest({ invite, facts: { ...facts, hostname: "a\nb" } }),
    ],
    [
      "a host name with a bidi override",
      enrolRequest({ invite, facts: { ...facts, hostname: "a\u202eb" } }),
    ],
    [
      "more slots than a node can have",
      enrolRequest({ invite, facts: { ...facts, slots: 4_000_000_000 } }),
    ],
  ])("is refused with %s, enrolling", (_what, payload) => {
    expect(() => inputs.enrol(payload)).toThrowError(expect.objectContaining({ code: "USAGE" }));
  });

  it.each([
    ["no event", events(undefined)],
    [
      "a log chunk that is too long",
      events({
        $case: "log",
        value: { ...log, data: new Uint8Array(limits.logChunkBytesMax + 1) },
      }),
    ],
    ["a stream that is none", events({ $case: "log", value: { ...log, stream: 3 } })],
    [
      "an outcome that is none",
      events({ $case: "finished", value: { ...finished, outcome: "maybe" } }),
    ],
    [
      "a message without end",
      events({
        $case: "finished",
        value: { ...finished, message: "x".repeat(meshLimits.messageLengthMax + 1) },
      }),
    ],
    [
      "too many events",
      events(
        ...Array.from({ length: limits.eventBatchMax + 1 }, () => ({
          $case: "started" as const,
          value: {},
        })),
      ),
    ],
  ])("is refused with %s, reporting", (_what, payload) => {
    expect(() => inputs.events(payload)).toThrowError(expect.objectContaining({ code: "USAGE" }));
  });

  it.each([
    ["a run that is no ULID", { ...attempt, run: "../../etc" }],
    ["a step that is no name", { ...attempt, step: "a.b" }],
    ["an attempt of 0", { ...attempt, attempt: 0 }],
  ])("is refused with %s", (_what, key) => {
    const inventory = [{ attempt: key, state: "running" }];
    const proof = new Uint8Array(64);
    const payload = Hello.encode(
      Hello.fromPartial({ facts, inventory, session: 1, instance, proof }),
    ).finish();
    expect(() => inputs.hello(payload)).toThrowError(expect.objectContaining({ code: "USAGE" }));
  });

  it.each(["", "short", "a.b.c.d.", "********", "AbCd-_123"])(
    "is refused from a process that names itself %j, which could be another subject (21)",
    (name) => {
      const beat = Heartbeat.encode({ running: 0, uptimeMs: 0, instance: name }).finish();
      const proof = new Uint8Array(64);
      const said = Hello.fromPartial({ facts, session: 1, instance: name, proof });
      const payload = Hello.encode(said).finish();
      const refused = expect.objectContaining({ code: "USAGE" });
      expect(() => inputs.heartbeat(beat)).toThrowError(refused);
      expect(() => inputs.hello(payload)).toThrowError(refused);
    },
  );

  it("gives a value or USAGE, whatever the bytes are", () => {
    const readers = Object.values(inputs);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...readers), (bytes, read) => {
        try {
          read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(CohortError);
          expect((error as CohortError).code).toBe("USAGE");
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
