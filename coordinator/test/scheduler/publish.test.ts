import { describe, expect, it } from "vitest";
import { decidePublished, type Published } from "../../src/scheduler/decide-published.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { worldWith } from "./world.ts";

const channel = `kind: channel
name: alerts
mqtt: { topic: factory/alerts, qos: 2, retain: true }
---
`;
const flow = (publish: string, keys = "") => `${channel}kind: workflow
name: flow
inputs: { press: { type: json, default: p1 } }
steps:
  - id: tell
    publish: ${publish}
    ${keys}
`;
const speed = '{ topic: "press/${{ inputs.press }}/speed", payload: { percent: 60 } }';

type World = Awaited<ReturnType<typeof worldWith>>;

const waiting = (it: World) => [...it.state.runs.publications.values()].flat();
const answer = (it: World, run: string, part: Partial<Published> = {}) => {
  const attempt = { run, step: "tell", instance: 0, attempt: 1 };
  const full = { attempt, channel: "", gateway: "gateway", refusal: "" };
  return it.writer.decide((state) => decidePublished(state.runs, { ...full, ...part }));
};

describe("a step that publishes", () => {
  it("waits until a gateway says that the broker has the message", async () => {
    const it = await worldWith(flow(speed));
    const { run } = await it.start("flow", "", { press: "p7" });
    expect(waiting(it)).toEqual([
      {
        attempt: { run, step: "tell", instance: 0, attempt: 1 },
        channel: "",
        topic: "press/p7/speed",
        payload: '{"percent":60}',
        qos: 1,
        retain: false,
        messageId: `${run}/tell[0]`,
      },
    ]);
    expect(it.runOf(run).state).toBe("running");
    await answer(it, run);
    expect(it.runOf(run).state).toBe("succeeded");
    const [instance] = it.runOf(run).steps.get("tell")?.instances ?? [];
    expect(instance?.result?.outputJson).toBe('{"topic":"press/p7/speed"}');
    expect(waiting(it)).toEqual([]);
  });

  it("sends a text as it is, and nothing where there is no payload", async () => {
    const text = await worldWith(flow('{ topic: a, payload: "${{ inputs.press }}" }'));
    await text.start("flow", "", { press: 'say "hi"' });
    expect(waiting(text)[0]?.payload).toBe('say "hi"');
    const none = await worldWith(flow("{ topic: a, qos: 0, retain: true }"));
    await none.start("flow");
    expect(waiting(none)[0]).toMatchObject({ payload: "", qos: 0, retain: true });
  });

  it("sends to a channel as the channel says", async () => {
    const it = await worldWith(flow("{ channel: alerts, payload: hot }"));
    const { run } = await it.start("flow");
    expect(waiting(it)).toMatchObject([
      { channel: "alerts", topic: "factory/alerts", payload: "hot", qos: 2, retain: true },
    ]);
    await answer(it, run, { channel: "alerts" });
    expect(it.runOf(run).state).toBe("succeeded");
  });

  it("fails when the broker refuses, in its words with what is invisible made visible", async () => {
    const it = await worldWith(flow(speed));
    const { run } = await it.start("flow");
    await answer(it, run, { refusal: `not authorized\u001b${"x".repeat(1000)}` });
    const { reason } = it.runOf(run);
    expect(reason).toContain("PUBLISH_REFUSED the broker: not authorized\\x1b");
    expect(reason.length).toBeLessThan(600);
  });

  it("fails when no gateway has it published in time, and has the same id when it is retried", async () => {
    const it = await worldWith(flow(speed, "timeout: 30s\n    retry: { limit: 1 }"));
    const { run } = await it.start("flow");
    const [first] = waiting(it);
    await it.pass(30_000);
    const [second] = waiting(it);
    expect(second).toMatchObject({ attempt: { attempt: 2 }, messageId: first?.messageId });
    await answer(it, run);
    expect(it.runOf(run).state).toBe("running");
    await it.pass(30_000);
    expect(it.runOf(run).reason).toContain("PUBLISH_TIMEOUT");
    expect(waiting(it)).toEqual([]);
  });

  it("is not published any more when its run is cancelled", async () => {
    const it = await worldWith(flow(speed));
    const { run } = await it.start("flow");
    const value = { run, reason: "x", outcome: "cancelled", altogether: false, actor: "anna" };
    await it.record({ $case: "runStopping", value });
    expect(waiting(it)).toEqual([]);
    const before = it.recorded.length;
    await answer(it, run);
    expect(it.recorded).toHaveLength(before);
  });

  it("is acknowledged once, however often the gateway says so", async () => {
    const it = await worldWith(flow(speed));
    const { run } = await it.start("flow");
    await answer(it, run, { attempt: { run, step: "tell", instance: 0, attempt: 2 } });
    await answer(it, run, { channel: "alerts" });
    expect(it.runOf(run).state).toBe("running");
    await answer(it, run);
    await answer(it, run, { refusal: "late" });
    const told = it.recorded.filter(({ event }) => event.$case === "publicationEnded");
    expect(told).toHaveLength(1);
  });

  it("still waits after a restart", async () => {
    const it = await worldWith(flow(speed));
    await it.start("flow");
    const replayed = emptyState();
    for (const recorded of it.recorded) applyEvent(replayed, recorded);
    expect([...replayed.runs.publications]).toEqual([...it.state.runs.publications]);
  });
});

describe("data in a message", () => {
  it.each([
    ["a wildcard", "+"],
    ["a level of its own", "p1/../p2"],
    ["what cannot be seen", "p1\u0000"],
    ["too much", "x".repeat(600)],
  ])("cannot put %s into a topic", async (_, press) => {
    const it = await worldWith(flow(speed));
    const { run } = await it.start("flow", "", { press });
    expect(it.runOf(run).reason).toContain("TOPIC_INVALID");
    expect(waiting(it)).toEqual([]);
  });

  it("cannot name a topic of the broker's own", async () => {
    const it = await worldWith(flow('{ topic: "${{ inputs.press }}" }'));
    const { run } = await it.start("flow", "", { press: "$SYS/x" });
    expect(it.runOf(run).reason).toContain("TOPIC_INVALID");
  });

  it("cannot be longer than a message may be, or be missing", async () => {
    const it = await worldWith(flow('{ topic: a, payload: "${{ inputs.press.text }}" }'));
    const long = await it.start("flow", "", { press: { text: "ü".repeat(32_769) } });
    expect(it.runOf(long.run).reason).toContain("LIMIT_EXCEEDED");
    const missing = await it.start("flow", "", { press: {} });
    expect(it.runOf(missing.run).reason).toContain("EXPRESSION_INVALID");
  });

  it("is never evaluated again, and is well-formed text", async () => {
    const it = await worldWith(flow('{ topic: a, payload: "${{ inputs.press }}" }'));
    await it.start("flow", "", { press: "${{ run.id }}\ud800" });
    expect(waiting(it)[0]?.payload).toBe("${{ run.id }}\ufffd");
  });
});

describe("a question that channels are told of", () => {
  const asking = `${channel}kind: channel
name: shift
mqtt: { topic: factory/shift }
---
kind: workflow
name: flow
steps:
  - id: tell
    approve: { prompt: "Go?", roles: [operator], timeout: 5m, notify: [alerts, shift] }
`;

  it("is sent to each, with who may decide and until when", async () => {
    const it = await worldWith(asking);
    const { run } = await it.start("flow");
    expect(waiting(it).map(({ topic }) => topic)).toEqual(["factory/alerts", "factory/shift"]);
    expect(JSON.parse(waiting(it)[0]?.payload ?? "")).toEqual({
      run,
      workflow: "flow",
      step: "tell",
      instance: 0,
      attempt: 1,
      prompt: "Go?",
      roles: ["operator"],
      until: "1970-01-01T00:21:40.000Z",
    });
    const ids = waiting(it).map(({ messageId }) => messageId);
    expect(ids).toEqual([`${run}/tell[0]#1/alerts`, `${run}/tell[0]#1/shift`]);
  });

  it("stays open whatever became of the messages", async () => {
    const it = await worldWith(asking);
    const { run } = await it.start("flow");
    await answer(it, run, { channel: "alerts" });
    await answer(it, run, { channel: "shift", refusal: "not authorized" });
    expect(waiting(it)).toEqual([]);
    expect(it.runOf(run).state).toBe("running");
    expect(it.state.runs.asked.size).toBe(1);
  });

  it("takes back what was not sent when it is over", async () => {
    const it = await worldWith(asking);
    const { run } = await it.start("flow");
    await it.pass(5 * 60_000);
    expect(it.runOf(run).reason).toContain("APPROVAL_TIMEOUT");
    expect(waiting(it)).toEqual([]);
  });
});
