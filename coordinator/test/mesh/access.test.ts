import { decode } from "@nats-io/jwt";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sleep } from "../../src/dispatch/sleep.ts";
import { type Access, createAccess } from "../../src/mesh/access.ts";
import { meshLimits } from "../../src/mesh/limits.ts";
import { type BusIdentity, joinBus, nodeIdentity } from "./bus-client.ts";
import { startNatsServer, type TestNatsServer } from "./nats-server.ts";
import { rawUserKey } from "./raw-key.ts";

let server: TestNatsServer;
let access: Access;

beforeAll(async () => {
  server = await startNatsServer();
});
afterAll(() => server?.remove());
beforeEach(() => {
  access = open();
});
afterEach(() => access.close());

function open(now: () => number = Date.now): Access {
  const { localServer, ca, seeds } = server.setup;
  const log = pino({ level: "silent" });
  return createAccess({ servers: [localServer], ca, seeds, now, sleep, log });
}

function keyOf({ jwt }: BusIdentity): string {
  return Buffer.from(rawUserKey(decode(jwt).sub)).toString("hex");
}

const refused = /revoked|authorization/i;

describe("keys that are made void", () => {
  it("lose their connection, and are let in no more, also by a nats-server that restarts", async () => {
    const identity = await nodeIdentity(server.setup, "press-1");
    const node = await joinBus(server.setup, identity);
    const other = await joinBus(server.setup, await nodeIdentity(server.setup, "press-2"));
    access.shut(new Map([[keyOf(identity), Date.now()]]));
    await node.connection.closed();
    await expect(joinBus(server.setup, identity)).rejects.toThrow(refused);
    await other.connection.flush();
    await other.connection.close();

    await server.kill();
    await server.start();
    await expect(joinBus(server.setup, identity)).rejects.toThrow(refused);
  });

  it("add up, one just after the other", async () => {
    const identities = await Promise.all(
      ["a", "b", "c"].map((name) => nodeIdentity(server.setup, name)),
    );
    const nodes = await Promise.all(identities.map((it) => joinBus(server.setup, it)));
    for (const identity of identities) access.shut(new Map([[keyOf(identity), Date.now()]]));
    await Promise.all(nodes.map(({ connection }) => connection.closed()));
    for (const identity of identities) {
      await expect(joinBus(server.setup, identity)).rejects.toThrow(refused);
    }
  });

  it("are void whichever clock their credential was issued by", async () => {
    const identity = await nodeIdentity(server.setup, "press-3", Date.now() + 3_600_000);
    const node = await joinBus(server.setup, identity);
    access.shut(new Map([[keyOf(identity), Date.now() - 3_600_000]]));
    await node.connection.closed();
    await expect(joinBus(server.setup, identity)).rejects.toThrow(refused);
  });

  it("are told to a nats-server that was away when they were", async () => {
    const identity = await nodeIdentity(server.setup, "press-4");
    await server.kill();
    access.shut(new Map([[keyOf(identity), Date.now()]]));
    await server.start();
    await expect
      .poll(
        () =>
          joinBus(server.setup, identity).then(
            async ({ connection }) => {
              await connection.close();
              return "let in";
            },
            (error: Error) => error.message,
          ),
        { timeout: 20_000 },
      )
      .toMatch(refused);
  });

  it("are forgotten when no credential of theirs can be left", async () => {
    const identity = await nodeIdentity(server.setup, "press-5");
    await access.close();
    access = open();
    const old = Date.now() - meshLimits.nodeCredentialLifetimeMs - 1;
    const newer = await nodeIdentity(server.setup, "press-6");
    const node = await joinBus(server.setup, newer);
    access.shut(
      new Map([
        [keyOf(identity), old],
        [keyOf(newer), Date.now()],
      ]),
    );
    await node.connection.closed();
    await (await joinBus(server.setup, identity)).connection.close();
  });
});
