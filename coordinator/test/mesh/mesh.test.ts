import {
  Cancel,
  Dispatch,
  Dispatches,
  DispatchReply,
  EnrolReply,
  EventAck,
  EventBatch,
  GetReply,
  GetRequest,
  Heartbeat,
  HelloReply,
  ProxyReply,
  Signed,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { type Problem, problem, refuse } from "@cohort/proto/problem";
import { subjects, type UpVerb } from "@cohort/proto/subjects";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { requestBounds } from "../../src/mesh/limits.ts";
import type { MeshHandlers } from "../../src/mesh/mesh.ts";
import {
  type BusClient,
  inviteIdentity,
  joinBus,
  nodeIdentity,
  observerIdentity,
} from "./bus-client.ts";
import { attempt, dispatch, enrolRequest, hello, instance } from "./messages.ts";
import { startNatsServer, type TestNatsServer } from "./nats-server.ts";
import { joinMesh, type TestMesh } from "./test-mesh.ts";

const invite = "01JD0000000000000000000001";

let server: TestNatsServer;
let node: BusClient;
const opened: TestMesh[] = [];

beforeAll(async () => {
  server = await startNatsServer();
  node = await joinBus(server.setup, await nodeIdentity(server.setup, "press-1"));
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ mesh }) => mesh.close()));
});

afterAll(async () => {
  await node?.connection.close();
  await server?.remove();
});

async function serve(handlers: Partial<MeshHandlers>): Promise<TestMesh> {
  const joined = await joinMesh(server.setup, handlers);
  opened.push(joined);
  return joined;
}

async function ask(verb: UpVerb, payload: Uint8Array): Promise<Uint8Array> {
  const { data } = await node.connection.request(subjects.up("press-1", verb), payload, {
    timeout: 5_000,
  });
  return data;
}

describe("a node's request", () => {
  it("reaches its handler with the name that nats-server verified, and is answered", async () => {
    const heard = vi.fn(async () => HelloReply.fromPartial({ heartbeatMs: 4_000 }));
    await serve({ hello: heard });
    expect(HelloReply.decode(await ask("hello", hello))).toMatchObject({
      problems: [],
      heartbeatMs: 4_000,
    });
    expect(heard).toHaveBeenCalledWith(
      "press-1",
      expect.objectContaining({ inventory: [{ attempt, state: "running" }] }),
    );
  });

  it("is answered with the problems that its handler throws", async () => {
    await serve({ hello: () => Promise.reject(refuse("NODE_UNKNOWN", "no such node")) });
    expect(HelloReply.decode(await ask("hello", hello)).problems).toEqual([
      problem("NODE_UNKNOWN", "no such node"),
    ]);
  });

  it("learns nothing of a fault within, which is logged", async () => {
    const { logged } = await serve({
      hello: () => Promise.reject(new Error("password is hunter2")),
    });
    const [told] = HelloReply.decode(await ask("hello", hello)).problems;
    expect(told?.code).toBe("INTERNAL");
    expect(JSON.stringify(told)).not.toContain("hunter2");
    expect(JSON.stringify(logged)).toContain("hunter2");
  });

  it.each([
    ["hello", Uint8Array.of(0xff, 0xff, 0xff), HelloReply],
    ["hello", new Uint8Array(0), HelloReply],
    ["events", Uint8Array.of(0x0a, 0x7f, 0x01), EventAck],
    ["renew", new TextEncoder().encode("hello"), HelloReply],
    ["proxy", Uint8Array.of(0x0a, 0xff), ProxyReply],
  ] as const)(
    "of kind %s that is malformed is answered with USAGE",
    async (verb, payload, reply) => {
      const never = vi.fn();
      await serve({ hello: never, events: never, renew: never, proxy: never });
      expect(reply.decode(await ask(verb, payload)).problems).toMatchObject([{ code: "USAGE" }]);
      expect(never).not.toHaveBeenCalled();
    },
  );

  it("beyond what one node may ask at once is refused, while others are served", async () => {
    const waiting: (() => void)[] = [];
    await serve({
      events: () =>
        new Promise((resolve) => {
          waiting.push(() => resolve(EventAck.fromPartial({ throughSeq: 1 })));
        }),
      hello: async () => HelloReply.fromPartial({ heartbeatMs: 1 }),
    });
    const batch = EventBatch.encode({ events: [] }).finish();
    const { inFlightMax } = requestBounds.events;
    const asked = Array.from({ length: inFlightMax + 2 }, () => ask("events", batch));
    await vi.waitFor(() => expect(waiting).toHaveLength(inFlightMax));
    expect(HelloReply.decode(await ask("hello", hello)).heartbeatMs).toBe(1);
    for (const finish of waiting) finish();
    const codes = (await Promise.all(asked)).map(
      (it) => EventAck.decode(it).problems[0]?.code ?? "answered",
    );
    expect(codes.sort()).toEqual(
      [...Array(2).fill("LIMIT_EXCEEDED"), ...Array(inFlightMax).fill("answered")].sort(),
    );
  });

  it("whose answer does not fit a message is told so", async () => {
    const data = new Uint8Array(limits.messageBytesMax);
    await serve({ get: async () => GetReply.fromPartial({ data }) });
    const asked = GetRequest.fromPartial({ attempt, sha256: new Uint8Array(32) });
    const reply = GetReply.decode(await ask("get", GetRequest.encode(asked).finish()));
    expect(reply.problems).toMatchObject([{ code: "LIMIT_EXCEEDED" }]);
  });

  it.each([
    "mesh.down.press-2.dispatch",
    "mesh.down.press-1.dispatch",
    "_INBOX_press-2.x",
    "_INBOX_press-11.x",
    "_INBOX_press-1",
    "$JS.API.STREAM.PURGE.EVENTS",
    "mesh.up.press-2.hello",
  ])("that wants its answer at %s is dropped", async (reply) => {
    const heard = vi.fn(async () => HelloReply.fromPartial({}));
    const { logged } = await serve({ hello: heard });
    const observer = await joinBus(server.setup, await observerIdentity(server.setup));
    const leaked: string[] = [];
    observer.connection.subscribe(reply, {
      callback: (_error, message) => void leaked.push(message.subject),
    });
    await observer.connection.flush();
    node.connection.publish(subjects.up("press-1", "hello"), hello, { reply });
    await node.connection.flush();
    await vi.waitFor(() => expect(logged).toMatchObject([{ sender: "press-1" }]));
    await ask("hello", hello);
    await observer.connection.flush();
    expect(leaked).toEqual([]);
    expect(heard).toHaveBeenCalledTimes(1);
    await observer.connection.close();
  });
});

describe("a heartbeat", () => {
  it("is heard, and a malformed one is dropped", async () => {
    const heard = vi.fn();
    await serve({ heartbeat: heard });
    const beat = Heartbeat.encode({ running: 2, uptimeMs: 0, instance }).finish();
    node.connection.publish(subjects.up("press-1", "heartbeat"), Uint8Array.of(0xff));
    node.connection.publish(subjects.up("press-1", "heartbeat"), beat);
    await vi.waitFor(() =>
      expect(heard.mock.calls).toEqual([["press-1", { running: 2, uptimeMs: 0, instance }]]),
    );
  });
});

describe("an enrolment", () => {
  it("names the invite that nats-server verified, whatever the request says", async () => {
    const enrol = vi.fn(async () => EnrolReply.fromPartial({ node: "press-7" }));
    await serve({ enrol });
    const guest = await joinBus(server.setup, await inviteIdentity(server.setup, invite));
    const request = enrolRequest({ invite: "01JD0000000000000000000002" });
    const { data } = await guest.connection.request(subjects.enrol(invite), request);
    expect(EnrolReply.decode(data)).toMatchObject({ problems: [], node: "press-7" });
    expect(enrol).toHaveBeenCalledWith(expect.anything(), invite);
    await guest.connection.close();
  });
});

const unreachable = { code: "UNREACHABLE" };
const noBytes = new Uint8Array(0);

/** A node's answer to a message as a whole. */
function refusing(...problems: Problem[]): Uint8Array {
  return DispatchReply.encode({ problems, refusals: [] }).finish();
}

describe("a command", () => {
  it("reaches the node signed, and brings its answer back", async () => {
    const { mesh } = await serve({});
    const heard: Signed[] = [];
    const subscription = node.connection.subscribe(subjects.dispatch("press-1", instance), {
      callback: (_error, message) => {
        heard.push(Signed.decode(message.data));
        message.respond(refusing(problem("NODE_BUSY", "full")));
      },
    });
    await node.connection.flush();
    expect(await mesh.dispatch("press-1", [dispatch])).toEqual([[problem("NODE_BUSY", "full")]]);
    const [{ payload, signature }] = heard as [Signed];
    const [bytes = new Uint8Array(0)] = Dispatches.decode(payload).dispatches;
    expect(Dispatch.decode(bytes)).toEqual(dispatch);
    expect(new TextDecoder().decode(signature)).toBe(
      `${subjects.dispatch("press-1", instance)} ${payload.length}`,
    );
    subscription.unsubscribe();
  });

  it("to a node that is not there is UNREACHABLE at once", async () => {
    const { mesh } = await serve({});
    const beginMs = Date.now();
    expect(await mesh.dispatch("press-8", [dispatch])).toMatchObject([[unreachable]]);
    expect(Date.now() - beginMs).toBeLessThan(limits.dispatchAnswerMs);
    await expect(mesh.cancel("press-8", Cancel.fromPartial({ attempt }))).rejects.toMatchObject({
      code: "UNREACHABLE",
    });
  });

  it("that stays unanswered is UNREACHABLE after its time", async () => {
    const { mesh } = await serve({});
    const subscription = node.connection.subscribe(subjects.dispatch("press-1", instance), {
      callback: () => {},
    });
    await node.connection.flush();
    expect(await mesh.dispatch("press-1", [dispatch])).toMatchObject([[unreachable]]);
    subscription.unsubscribe();
  });

  it("is told apart from others that are out, in whatever order their answers come", async () => {
    const { mesh } = await serve({});
    const heard: (() => void)[] = [];
    const subscription = node.connection.subscribe(subjects.dispatch("press-1", instance), {
      callback: (_error, message) => {
        const [bytes = noBytes] = Dispatches.decode(Signed.decode(message.data).payload).dispatches;
        const { step = "" } = Dispatch.decode(bytes).attempt ?? {};
        const answer = refusing(problem("NODE_BUSY", step));
        heard.push(() => void message.respond(answer));
        if (heard.length === 3) for (const respond of heard.reverse()) respond();
      },
    });
    await node.connection.flush();
    const steps = ["one", "two", "three"];
    const replies = await Promise.all(
      steps.map((step) =>
        mesh.dispatch("press-1", [{ ...dispatch, attempt: { ...attempt, step } }]),
      ),
    );
    expect(replies.map(([problems]) => problems?.[0]?.message)).toEqual(steps);
    subscription.unsubscribe();
  });

  it("that is out when the mesh closes is UNREACHABLE at once", async () => {
    const { mesh } = await joinMesh(server.setup, {});
    const subscription = node.connection.subscribe(subjects.dispatch("press-1", instance), {
      callback: () => {},
    });
    await node.connection.flush();
    const asked = mesh.dispatch("press-1", [dispatch]);
    await mesh.close();
    expect(await asked).toMatchObject([[unreachable]]);
    subscription.unsubscribe();
  });

  it("that is answered with noise gives a problem, not an exception", async () => {
    const { mesh } = await serve({});
    const subscription = node.connection.subscribe(subjects.dispatch("press-1", instance), {
      callback: (_error, message) => void message.respond(Uint8Array.of(0xff, 0xff)),
    });
    await node.connection.flush();
    expect(await mesh.dispatch("press-1", [dispatch])).toMatchObject([[{ code: "USAGE" }]]);
    subscription.unsubscribe();
  });

  it("cannot be answered by another node", async () => {
    const { mesh } = await serve({});
    const rogue = await joinBus(server.setup, await nodeIdentity(server.setup, "press-2"));
    const subscription = node.connection.subscribe("mesh.down.press-1.cancel", {
      callback: (_error, message) => {
        rogue.connection.publish(message.reply ?? "", refusing(problem("NODE_LOST", "rogue")));
        setTimeout(() => message.respond(refusing()), 200);
      },
    });
    await node.connection.flush();
    await expect(mesh.cancel("press-1", Cancel.fromPartial({ attempt }))).resolves.toBeUndefined();
    await vi.waitFor(() => expect(rogue.refused.size).toBe(1));
    subscription.unsubscribe();
    await rogue.connection.close();
  });
});

describe("closing", () => {
  it("answers what was heard before", async () => {
    const finish: (() => void)[] = [];
    const { mesh } = await joinMesh(server.setup, {
      hello: () =>
        new Promise((resolve) => {
          finish.push(() => resolve(HelloReply.fromPartial({ heartbeatMs: 7 })));
        }),
    });
    const asked = ask("hello", hello);
    await vi.waitFor(() => expect(finish).toHaveLength(1));
    const closed = mesh.close();
    finish[0]?.();
    expect(HelloReply.decode(await asked).heartbeatMs).toBe(7);
    await closed;
    expect(mesh.connected).toBe(false);
  });
});
