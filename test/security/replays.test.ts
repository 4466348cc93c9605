import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { codeOf, Probe } from "./probe.ts";

let probe: Probe;

beforeAll(async () => {
  probe = await Probe.start();
});
afterAll(() => probe?.stop());

describe("a request that was sent before", () => {
  it("is refused as it was, and with another body under the same number (9)", async () => {
    const node = await probe.node("repeater");
    const { token } = await probe.assign(node);
    const request = node.request(token, 1);
    await probe.expectServed(node, request);
    await probe.expectRefused(node, request, "TOKEN_REPLAYED");
    const body = Buffer.from('{"title":"other"}');
    await probe.expectRefused(node, node.request(token, 1, { body }), "TOKEN_REPLAYED");
    await probe.expectServed(node, node.request(token, 2));
  });

  it("is refused under the attempt's renewed token too (9)", async () => {
    const node = await probe.node("renewer");
    const { token, attempt } = await probe.assign(node);
    await probe.expectServed(node, node.request(token, 1));
    const renewed = node.open((await node.renew(attempt)).sealedToken)?.token ?? "";
    expect(renewed).not.toBe(token);
    await probe.expectRefused(node, node.request(renewed, 1), "TOKEN_REPLAYED");
    await probe.expectServed(node, node.request(renewed, 2));
    await probe.expectRefused(node, node.request(token, 2), "TOKEN_REPLAYED");
  });

  it("goes out once when it comes 100 times at once (10)", async () => {
    const node = await probe.node("flooder");
    const { token } = await probe.assign(node);
    const reached = probe.desk.requests.length;
    const request = node.request(token, 1);
    const replies = await Promise.all(Array.from({ length: 100 }, () => node.proxy(request)));
    const codes = replies.map(codeOf);
    expect(codes.filter((it) => it === "201")).toHaveLength(1);
    expect(probe.desk.requests).toHaveLength(reached + 1);
    // What stands above the node's share of the coordinator is turned away before it is looked at.
    const known = ["201", "TOKEN_REPLAYED", "LIMIT_EXCEEDED"];
    expect(codes.filter((it) => !known.includes(it))).toEqual([]);
    expect(await probe.refusals(node)).toContain("TOKEN_REPLAYED");
  });

  it("is refused by the coordinator that was killed and started again (11)", async () => {
    const node = await probe.node("patient");
    const { token } = await probe.assign(node);
    const request = node.request(token, 1);
    await probe.expectServed(node, request);
    const coordinator = probe.mesh.program("coordinator");
    await coordinator.kill("SIGKILL");
    await coordinator.start();
    await probe.mesh.until(async () => (await node.hello()).problems.length === 0);
    await probe.expectRefused(node, request, "TOKEN_REPLAYED");
    await probe.expectServed(node, node.request(token, 2));
  });
});
