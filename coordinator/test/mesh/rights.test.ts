import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { subjects } from "@cohort/proto/subjects";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { meshLimits } from "../../src/mesh/limits.ts";
import {
  type BusClient,
  inviteIdentity,
  joinBus,
  nodeIdentity,
  observerIdentity,
  publishIsRefused,
  subscribeIsRefused,
} from "./bus-client.ts";
import { startNatsServer, type TestNatsServer } from "./nats-server.ts";

const invite = "01JD0000000000000000000001";

let server: TestNatsServer;
let observer: BusClient;
const seen: string[] = [];

beforeAll(async () => {
  server = await startNatsServer();
  observer = await joinBus(server.setup, await observerIdentity(server.setup));
  observer.connection.subscribe(">", {
    callback: (_error, message) => {
      if (message.string() === "rogue") seen.push(message.subject);
    },
  });
  await observer.connection.flush();
});

afterAll(async () => {
  await observer?.connection.close();
  await server?.remove();
});

const foreign = [
  "mesh.up.press-2.hello",
  "mesh.up.press-1",
  "mesh.down.press-1.dispatch",
  "mesh.down.press-2.dispatch",
  `mesh.enrol.${invite}x`,
  "_INBOX_press-2.x",
  "_INBOX.x",
  "$JS.API.STREAM.CREATE.EVENTS",
  "$JS.API.INFO",
  "$SYS.REQ.USER.INFO",
  "$SRV.PING",
  "$KV.leases.coordinator",
  "other",
];

const listening = [
  ">",
  "*.>",
  "mesh.>",
  "mesh.up.>",
  "mesh.up.press-1.hello",
  "mesh.down.>",
  "mesh.down.*.dispatch",
  "mesh.down.press-2.>",
  "_INBOX.>",
  "_INBOX_press-2.>",
  "*.x",
  "$SYS.>",
  "$JS.API.>",
  "$SRV.>",
];

describe("a node's credential", () => {
  let node: BusClient;

  beforeAll(async () => {
    node = await joinBus(server.setup, await nodeIdentity(server.setup, "press-1"));
  });
  afterAll(() => node.connection.close());

  it("lets it speak below its own name", async () => {
    const subject = subjects.up("press-1", "heartbeat");
    expect(await publishIsRefused(node, subject)).toBe(false);
    expect(seen).toContain(subject);
  });

  it("lets it hear its commands and its answers", async () => {
    const heard: string[] = [];
    for (const subject of ["mesh.down.press-1.>", "_INBOX_press-1.>"]) {
      node.connection.subscribe(subject, {
        callback: (_error, message) => void heard.push(message.subject),
      });
    }
    await node.connection.flush();
    observer.connection.publish("mesh.down.press-1.dispatch");
    observer.connection.publish("_INBOX_press-1.a");
    await observer.connection.flush();
    await node.connection.flush();
    expect(heard).toEqual(["mesh.down.press-1.dispatch", "_INBOX_press-1.a"]);
  });

  it.each([...foreign, `mesh.enrol.${invite}`])(
    "does not let it publish to %s",
    async (subject) => {
      expect(await publishIsRefused(node, subject)).toBe(true);
      await observer.connection.flush();
      expect(seen).not.toContain(subject);
    },
  );

  it.each(listening)("does not let it listen to %s", async (subject) => {
    expect(await subscribeIsRefused(node, subject)).toBe(true);
  });

  it("does not let it answer a request outside its own subjects", async () => {
    node.connection.subscribe("mesh.down.press-1.cancel", {
      callback: (_error, message) => void message.respond(new Uint8Array(1)),
    });
    await node.connection.flush();
    const asked = observer.connection.request("mesh.down.press-1.cancel", new Uint8Array(), {
      timeout: 300,
    });
    await expect(asked).rejects.toThrow("timeout");
  });

  it("limits how many subscriptions it may hold", async () => {
    const greedy = await joinBus(server.setup, await nodeIdentity(server.setup, "press-9"));
    for (let count = 0; count <= meshLimits.nodeSubscriptionsMax; count++) {
      greedy.connection.subscribe(`_INBOX_press-9.${count}`, { callback: () => {} });
    }
    await greedy.connection.flush();
    await vi.waitFor(() => expect(greedy.complaints.join()).toMatch(/maximum subscriptions/i));
    await greedy.connection.close();
  });

  it("ends, and cuts the connection that stands on it, when it expires", async () => {
    const oldestMs = Date.now() - meshLimits.nodeCredentialLifetimeMs;
    const ending = await joinBus(
      server.setup,
      await nodeIdentity(server.setup, "press-3", oldestMs + 2_000),
    );
    await ending.connection.closed();
    const ended = await nodeIdentity(server.setup, "press-3", oldestMs - 2_000);
    await expect(joinBus(server.setup, ended)).rejects.toThrow(/expired|authorization/i);
  });

  it("is of no use with another key, or another mesh", async () => {
    const mine = await nodeIdentity(server.setup, "press-1");
    const theirs = await nodeIdentity(server.setup, "press-2");
    await expect(joinBus(server.setup, { ...mine, seed: theirs.seed })).rejects.toThrow(
      /authorization/i,
    );
    const elsewhere = await startNatsServer();
    try {
      const stranger = await nodeIdentity(elsewhere.setup, "press-1");
      await expect(joinBus(server.setup, stranger)).rejects.toThrow(/authorization/i);
    } finally {
      await elsewhere.remove();
    }
  });
});

describe("an invite's credential", () => {
  let guest: BusClient;

  beforeAll(async () => {
    guest = await joinBus(server.setup, await inviteIdentity(server.setup, invite));
  });
  afterAll(() => guest.connection.close());

  it("lets it ask to enrol", async () => {
    expect(await publishIsRefused(guest, subjects.enrol(invite))).toBe(false);
    expect(seen).toContain(subjects.enrol(invite));
  });

  it.each([...foreign, "mesh.up.press-1.hello"])(
    "does not let it publish to %s",
    async (subject) => {
      expect(await publishIsRefused(guest, subject)).toBe(true);
    },
  );

  it.each([...listening, "mesh.down.press-1.>", "_INBOX_press-1.>", "mesh.enrol.*"])(
    "does not let it listen to %s",
    async (subject) => {
      expect(await subscribeIsRefused(guest, subject)).toBe(true);
    },
  );
});

describe("nats-server's door", () => {
  it("opens to nobody without a credential", async () => {
    const nobody = { owner: "nobody", jwt: "", seed: (await nodeIdentity(server.setup, "x")).seed };
    await expect(joinBus(server.setup, nobody)).rejects.toThrow(/authorization/i);
  });

  it("says nothing before TLS", async () => {
    const [host, port] = server.setup.localServer.split(":");
    const said = await new Promise<string>((resolve) => {
      const socket = connectTcp(Number(port), host);
      const done = () => resolve(text);
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk.toString();
      });
      socket.on("close", done);
      setTimeout(() => socket.destroy(), 300);
    });
    expect(said).toBe("");
  });

  it("sends its root along, so that a machine can find it by its fingerprint", async () => {
    const [host, port] = server.setup.localServer.split(":");
    const socket = connectTls({
      host: host as string,
      port: Number(port),
      rejectUnauthorized: false,
    });
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    const root = socket.getPeerX509Certificate()?.issuerCertificate;
    socket.destroy();
    expect(root?.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(
      server.setup.rootFingerprint,
    );
  });
});
