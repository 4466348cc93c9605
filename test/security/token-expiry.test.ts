import { join } from "node:path";
import { type Coordinator, createCoordinator } from "@cohort/coordinator/src/coordinator.ts";
import { provideVault } from "@cohort/coordinator/src/vault/provide-vault.ts";
import { limits } from "@cohort/proto/limits";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf } from "../kit/mesh-place.ts";
import type { RogueNode } from "../kit/rogue-node.ts";
import { Probe } from "./probe.ts";

let probe: Probe;
let node: RogueNode;
let coordinator: Coordinator;
let aheadMs = 0;

const now = () => Date.now() + aheadMs;

/** The same data, vault and bus, under a clock that the test sets. */
beforeAll(async () => {
  probe = await Probe.start();
  node = await probe.node("sleeper");
  await probe.mesh.program("coordinator").kill("SIGTERM");
  const dataDir = dataOf(probe.mesh);
  coordinator = await createCoordinator({
    dataDir,
    vault: await provideVault(dataDir, join(probe.mesh.home, "vault.key")),
    log: pino({ level: "silent" }),
    now,
    commitProgram: join(import.meta.dirname, "../../coordinator/dist/commit-thread.mjs"),
    onFailure: (error) => {
      throw error;
    },
  });
  await probe.mesh.until(async () => (await node.hello()).problems.length === 0);
});
afterAll(async () => {
  await coordinator?.close();
  await probe?.stop();
});

const at = (offsetMs: number) => ({ atMs: now() + offsetMs });

describe("a step token's time", () => {
  it("ends five minutes after it was issued, to the node's honest proof too (5)", async () => {
    const { token } = await probe.assign(node);
    await probe.expectServed(node, node.request(token, 1, at(0)));
    aheadMs += limits.stepTokenLifetimeMs - 5_000;
    await probe.expectServed(node, node.request(token, 2, at(0)));
    aheadMs += 5_000;
    await probe.expectRefused(node, node.request(token, 3, at(0)), "TOKEN_EXPIRED");
  });

  it("is not stretched by a node whose clock is behind (5)", async () => {
    const { token } = await probe.assign(node);
    aheadMs += limits.stepTokenLifetimeMs;
    const behind = at(-limits.proofSkewMsMax + 1_000);
    await probe.expectRefused(node, node.request(token, 1, behind), "TOKEN_EXPIRED");
  });

  it("begins anew for a live attempt that renews it", async () => {
    const { token, attempt } = await probe.assign(node);
    aheadMs += limits.stepTokenLifetimeMs;
    await probe.expectRefused(node, node.request(token, 1, at(0)), "TOKEN_EXPIRED");
    const renewed = node.open((await node.renew(attempt)).sealedToken);
    expect(renewed?.expiresMs).toBeGreaterThan(now());
    await probe.expectServed(node, node.request(renewed?.token ?? "", 1, at(0)));
  });

  it("has not begun for a coordinator whose clock was set back far (5)", async () => {
    const { token } = await probe.assign(node);
    aheadMs -= limits.proofSkewMsMax + 10_000;
    await probe.expectRefused(node, node.request(token, 1, at(0)), "TOKEN_INVALID");
    aheadMs += limits.proofSkewMsMax + 10_000;
    await probe.expectServed(node, node.request(token, 1, at(0)));
  });
});
