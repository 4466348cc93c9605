import { jetstream } from "@nats-io/jetstream";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectNats } from "../../src/mesh/connection.ts";
import { issueArtifactCredential } from "../../src/mesh/credentials.ts";
import { createObjectStore } from "../../src/mesh/object-store.ts";
import { startNatsServer, type TestNatsServer } from "./nats-server.ts";

describe("the object store of a real nats-server", () => {
  let server: TestNatsServer;

  beforeAll(async () => {
    server = await startNatsServer();
  });
  afterAll(async () => {
    await server?.remove();
  });

  const address = async () => ({
    servers: [server.setup.localServer],
    ca: server.setup.ca,
    credential: await issueArtifactCredential(server.setup.seeds.meshAccount),
  });
  const open = async () =>
    createObjectStore({ ...(await address()), log: pino({ level: "silent" }) });

  it("gives back what it was given, also after it was killed, until it is removed", async () => {
    const content = new Uint8Array(400_000).map((_, at) => at % 251);
    const first = await open();
    await first.put("one", pieces(content));
    await first.put("none", pieces(new Uint8Array(0)));
    await first.put("one", pieces(new Uint8Array(3)));
    await first.close();
    await server.kill();
    await server.start();
    const store = await open();
    expect((await store.list()).sort()).toEqual(["none", "one"]);
    expect(Buffer.compare(await whole(store.get("one")), content)).toBe(0);
    expect(await whole(store.get("none"))).toHaveLength(0);
    await store.remove("one");
    expect(await store.get("one")).toBeNull();
    expect(await store.list()).toEqual(["none"]);
    await store.remove("none");
    await store.close();
  });

  it("keeps nothing of content that did not come whole, nor of a process that was killed", async () => {
    const store = await open();
    const broken = (async function* () {
      yield new Uint8Array(300_000);
      throw new Error("the disk went away");
    })();
    await expect(store.put("half", broken)).rejects.toMatchObject({
      code: "ARTIFACT_STORE_UNAVAILABLE",
    });
    expect(await store.list()).toEqual([]);
    await store.close();
    const connection = await connectNats({ ...(await address()), inboxPrefix: "_INBOX_artifacts" });
    const js = jetstream(connection);
    await js.publish("$O.artifacts.C.orphan", new Uint8Array(10));
    const manager = await js.jetstreamManager();
    const messages = async () => (await manager.streams.info("OBJ_artifacts")).state.messages;
    expect(await messages()).toBe(1);
    const next = await open();
    expect(await next.list()).toEqual([]);
    expect(await messages()).toBe(0);
    await next.close();
    await connection.close();
  });

  it("is all that its credential opens", async () => {
    const connection = await connectNats({ ...(await address()), inboxPrefix: "_INBOX_artifacts" });
    const refused = async (subject: string) =>
      expect(connection.request(subject, "", { timeout: 500 })).rejects.toThrow();
    await refused("$JS.API.STREAM.LIST");
    await refused("$JS.API.STREAM.INFO.OBJ_other");
    await refused("mesh.up.node-a.hello");
    await refused("mesh.down.node-a.dispatch");
    await connection.close();
  });

  it("says that it does not answer while nats-server is away", async () => {
    const store = await open();
    await server.kill();
    await expect(store.list()).rejects.toMatchObject({ code: "ARTIFACT_STORE_UNAVAILABLE" });
    await server.start();
    expect(await store.list()).toEqual([]);
    await store.close();
  });
});

async function* pieces(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
}

async function whole(getting: Promise<AsyncIterable<Uint8Array> | null>): Promise<Buffer> {
  const content = await getting;
  const all: Uint8Array[] = [];
  for await (const piece of content ?? []) all.push(piece);
  return Buffer.concat(all);
}
