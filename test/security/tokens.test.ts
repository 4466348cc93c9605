import { randomBytes } from "node:crypto";
import { budgetLimits } from "@cohort/coordinator/src/budget/limits.ts";
import { createTokenKeys, issueToken } from "@cohort/coordinator/src/tokens/token.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refusalsOf } from "../kit/ledger-entries.ts";
import { codeOf, Probe } from "./probe.ts";

let probe: Probe;

beforeAll(async () => {
  probe = await Probe.start();
});
afterAll(() => probe?.stop());

describe("a step token that was tampered with", () => {
  it("opens nothing with any one character changed (1)", async () => {
    const node = await probe.node("flipper");
    const { token } = await probe.assign(node);
    await probe.expectServed(node, node.request(token, 1));
    const reached = probe.desk.requests.length;
    for (const [at, character] of [...token].entries()) {
      const changed = token.slice(0, at) + (character === "A" ? "B" : "A") + token.slice(at + 1);
      expect(codeOf(await node.proxy(node.request(changed, at + 2)))).toBe("TOKEN_INVALID");
    }
    expect(probe.desk.requests).toHaveLength(reached);
    // A node that is refused without end cannot fill the ledger with it.
    const recorded = await probe.refusals(node);
    expect(new Set(recorded)).toEqual(new Set(["TOKEN_INVALID"]));
    expect(recorded.length).toBeGreaterThanOrEqual(budgetLimits.refusalsRecordedMax);
  });

  it("opens nothing truncated, extended or doubled (2)", async () => {
    const node = await probe.node("cutter");
    const { token } = await probe.assign(node);
    const [body = ""] = token.split(/\.(?=[^.]*$)/);
    const half = token.slice(0, token.length / 2);
    const longer = ["A", "=", ".", ".AA", " ", "\n", "\0"].map((end) => token + end);
    const attempts = ["", "v4.local.", body, half, token.slice(0, -1), token + token, ...longer];
    for (const changed of attempts) {
      await probe.expectRefused(node, node.request(changed, 1), "TOKEN_INVALID");
    }
    await probe.expectServed(node, node.request(token, 1));
  });

  it("opens nothing under another key's id (3), nor when another mesh issued it (4)", async () => {
    const node = await probe.node("forger");
    const { token, attempt } = await probe.assign(node);
    const [body = ""] = token.split(/\.(?=[^.]*$)/);
    const otherId = `${body}.${Buffer.from("2").toString("base64url")}`;
    await probe.expectRefused(node, node.request(otherId, 1), "TOKEN_INVALID");
    const mesh = "01JD9V8Z5N4QJ9W8X7Y6Z5A4B3";
    const keys = createTokenKeys({ mesh, derive: () => randomBytes(32), ids: ["1"] });
    const issuedMs = Date.now();
    const claims = { id: mesh, node: node.name, attempt, services: ["desk"] };
    const expiresMs = issuedMs + 60_000;
    const foreign = issueToken({ keys, claims: { ...claims, issuedMs, expiresMs } });
    await probe.expectRefused(node, node.request(foreign, 1), "TOKEN_INVALID");
  });
});

describe("a step token in the wrong hands", () => {
  it("is refused to another enrolled node, with its own proof or the owner's (6)", async () => {
    const [owner, thief] = [await probe.node("owner"), await probe.node("thief")];
    const { token } = await probe.assign(owner);
    await probe.assign(thief);
    await probe.expectRefused(thief, thief.request(token, 1), "TOKEN_WRONG_NODE");
    await probe.expectRefused(thief, owner.request(token, 1), "TOKEN_WRONG_NODE");
    await probe.expectServed(owner, owner.request(token, 1));
  });

  it("is refused for a step that was not granted the service (7)", async () => {
    const node = await probe.node("climber");
    const { token, run } = await probe.assign(node);
    const idle = await node.assigned(run, "idle");
    expect(idle.token).toBeNull();
    const renewed = await node.renew(idle.attempt);
    expect(renewed.problems[0]?.code).toBe("GRANT_MISSING");
    expect(renewed.sealedToken).toHaveLength(0);
    const elsewhere = node.request(token, 1, { service: "maintenance" });
    await probe.expectRefused(node, elsewhere, "GRANT_MISSING");
    const otherPath = node.request(token, 2, { path: "/admin" });
    await probe.expectRefused(node, otherPath, "GRANT_MISSING");
    const otherMethod = node.request(token, 3, { method: "DELETE" });
    await probe.expectRefused(node, otherMethod, "GRANT_MISSING");
  });

  it("leaves nothing in the ledger that breaks a line or a terminal (82)", async () => {
    const node = await probe.node("scribbler");
    const { token } = await probe.assign(node);
    const path = "/tickets\r\n\u001b[2J\u202e\u0000";
    await probe.expectRefused(node, node.request(token, 1, { path }), "USAGE");
    const [refused] = await refusalsOf(probe.mesh, node.name);
    expect(refused?.path).toMatch(/^[\x21-\x7e]+$/);
  });

  it("is dead once its step has ended, while another step of the run goes on (7)", async () => {
    const node = await probe.node("lingerer");
    const { token, attempt, run } = await probe.assign(node);
    await probe.expectServed(node, node.request(token, 1));
    await node.finish(attempt, "succeeded");
    await probe.expectRefused(node, node.request(token, 2), "TOKEN_WRONG_STEP");
    expect((await node.renew(attempt)).problems[0]?.code).toBe("TOKEN_WRONG_STEP");
    expect((await probe.mesh.getRun(run)).state).toBe("running");
  });

  it("is dead once its step was skipped, and the call that is out with it (7)", async () => {
    const node = await probe.node("skipped");
    const { token, run } = await probe.assign(node);
    const held = probe.desk.hold();
    const reply = node.proxy(node.request(token, 1));
    await held.reached;
    const { runs } = probe.mesh.client;
    const skip = { run, step: "ask", reason: "not needed" };
    await probe.mesh.client.call(runs, runs.skip, skip);
    expect(codeOf(await reply)).toBe("CALL_CANCELLED");
    await held.cut;
    await probe.expectRefused(node, node.request(token, 2), "TOKEN_WRONG_STEP");
  });

  it("is dead once its attempt was followed by a retry, whose own token works (8)", async () => {
    const node = await probe.node("retrier");
    const { token, attempt, run } = await probe.assign(node);
    await node.finish(attempt, "failed");
    const second = await node.assigned(run, "ask", 2);
    await probe.expectRefused(node, node.request(token, 1), "TOKEN_WRONG_STEP");
    await probe.expectServed(node, node.request(second.token?.token ?? "", 1));
  });
});
