import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Heartbeat, HelloReply } from "@cohort/proto/gen/cohort/node";
import { subjects } from "@cohort/proto/subjects";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { initialise } from "../../src/setup/setup.ts";
import { memoryVault } from "../setup/memory-vault.ts";
import { joinBus, nodeIdentity } from "./bus-client.ts";
import { dispatch, hello, instance } from "./messages.ts";
import { startNatsServer, type TestNatsServer } from "./nats-server.ts";
import { joinMesh } from "./test-mesh.ts";

let server: TestNatsServer;

beforeEach(async () => {
  server = await startNatsServer();
});

afterEach(() => server.remove());

describe("the coordinator's connection", () => {
  it("comes back after nats-server was killed, and serves as before", async () => {
    const heard = vi.fn();
    const { mesh } = await joinMesh(server.setup, {
      hello: async () => HelloReply.fromPartial({ heartbeatMs: 9 }),
      heartbeat: heard,
    });
    const identity = await nodeIdentity(server.setup, "press-1");
    await server.kill();
    await vi.waitFor(() => expect(mesh.connected).toBe(false), { timeout: 10_000 });
    expect(await mesh.dispatch("press-1", [dispatch])).toMatchObject([[{ code: "UNREACHABLE" }]]);
    await server.start();
    await vi.waitFor(() => expect(mesh.connected).toBe(true), { timeout: 20_000 });

    const node = await joinBus(server.setup, identity);
    const { data } = await node.connection.request(subjects.up("press-1", "hello"), hello);
    expect(HelloReply.decode(data).heartbeatMs).toBe(9);
    const beat = Heartbeat.fromPartial({ running: 1, instance });
    node.connection.publish(subjects.up("press-1", "heartbeat"), Heartbeat.encode(beat).finish());
    await vi.waitFor(() => expect(heard).toHaveBeenCalledWith("press-1", beat));
    await node.connection.close();
    await mesh.close();
  });

  it("closes while nats-server is away", async () => {
    const { mesh } = await joinMesh(server.setup, {});
    await server.kill();
    await vi.waitFor(() => expect(mesh.connected).toBe(false), { timeout: 10_000 });
    await mesh.close();
    expect(mesh.connected).toBe(false);
  });

  it("is not made to a server of another authority", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "cohort-other-"));
    try {
      const other = await initialise({
        dataDir,
        natsPort: server.setup.config.nats.port,
        consolePort: 7443,
        hosts: [],
        vault: memoryVault(),
        operatorContext: join(dataDir, "operator.json"),
        approverContext: join(dataDir, "approver.json"),
        gatewayContext: join(dataDir, "gateway.json"),
        nowMs: Date.now(),
      });
      const trusting = { ...server.setup, ca: other.ca };
      await expect(joinMesh(trusting, {})).rejects.toMatchObject({
        code: "UNREACHABLE",
        message: expect.stringMatching(/certificate/i),
      });
    } finally {
      rmSync(dataDir, { recursive: true });
    }
  });
});
