import { Hello, HelloReply } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { afterEach, describe, expect, it, vi } from "vitest";
import { FakeMesh } from "../kit/fake-mesh.ts";
import { dispatchOf, startNode, type TestNode, testHost } from "../kit/node.ts";

/** A node whose hello is answered when the test says so. */
async function greetedLate(): Promise<{ node: TestNode; answer: () => void }> {
  const mesh = new FakeMesh(await testHost(async () => {}));
  let answer = () => {};
  mesh.answers.set("hello", (payload) => {
    mesh.hellos.push(Hello.decode(payload));
    const reply = HelloReply.fromPartial({ nowMs: 1, heartbeatMs: 4000 });
    return new Promise((resolve) => {
      answer = () => resolve(HelloReply.encode(reply).finish());
    });
  });
  return { node: await startNode(async () => {}, { mesh }), answer: () => answer() };
}

describe("a dispatch that comes while the hello is unanswered", () => {
  const nodes: TestNode[] = [];
  afterEach(async () => {
    vi.useRealTimers();
    for (const node of nodes.splice(0)) await node.stop();
  });

  it("is not accepted before the answer: the inventory that was sent does not name it", async () => {
    const { node, answer } = await greetedLate();
    nodes.push(node);
    const order: string[] = [];
    const reply = node.mesh.dispatch(dispatchOf("r1")).then(({ problems }) => {
      order.push("accepted");
      return problems;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    order.push("answered");
    answer();
    expect(await reply).toEqual([]);
    expect(order).toEqual(["answered", "accepted"]);
    expect(node.mesh.hellos.map(({ inventory }) => inventory)).toEqual([[]]);
  });

  it("is refused as unheard when nobody can be waiting for its reply any more", async () => {
    const { node, answer } = await greetedLate();
    nodes.push(node);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const reply = node.mesh.dispatch(dispatchOf("r1"));
    await vi.advanceTimersByTimeAsync(limits.dispatchAnswerMs);
    expect((await reply).problems.map(({ code }) => code)).toEqual(["UNREACHABLE"]);
    vi.useRealTimers();
    answer();
    await node.until(() => node.mesh.hellos.length > 0);
    expect((await node.mesh.dispatch(dispatchOf("r1"))).problems).toEqual([]);
  });
});
