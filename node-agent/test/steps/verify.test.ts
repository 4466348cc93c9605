import { Dispatch, Dispatches, type DispatchReply, Signed } from "@cohort/proto/gen/cohort/node";
import { subjects } from "@cohort/proto/subjects";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dispatchOf, startNode, type TestNode } from "../kit/node.ts";

let node: TestNode;
let started: string[] = [];
beforeEach(async () => {
  started = [];
  node = await startNode(
    async (step) => void started.push(step.spec.environment["COHORT_RUN"] ?? ""),
  );
  own = node.mesh.dispatchSubject;
});
afterEach(async () => await node.stop());

let own: string;
const codes = (reply: DispatchReply) => reply.problems.map((problem) => problem.code);
const dispatches = [Dispatch.encode(dispatchOf("r1")).finish()];
const payload = Dispatches.encode({ dispatches }).finish();
const attempt = { run: "r1", step: "step", instance: 0, attempt: 1 };

function withToken(sealedToken: Uint8Array) {
  return dispatchOf("r1", { services: [{ service: "llm" }], sealedToken });
}

function delivery(rest: object = {}) {
  const expiresMs = Date.now() + 300_000;
  return { token: "v4.local.x", recipient: node.keys.box.publicKey, attempt, expiresMs, ...rest };
}

describe("a dispatch that the coordinator did not send to this node", () => {
  it("is refused when another key signed it", async () => {
    const stranger = node.mesh.host.crypto.signKeyPair(new Uint8Array(32).fill(9));
    const reply = await node.mesh.send(own, node.mesh.sign(own, payload, stranger));
    expect(codes(reply)).toEqual(["DISPATCH_INVALID"]);
  });

  it("is refused when it was signed for another node or life, or as another message", async () => {
    for (const subject of [
      own.replace("board-1", "board-2"),
      "mesh.down.board-1.cancel",
      subjects.dispatch("board-1", "formerly"),
    ]) {
      const reply = await node.mesh.send(own, node.mesh.sign(subject, payload));
      expect(codes(reply)).toEqual(["DISPATCH_INVALID"]);
    }
  });

  it("is refused with any byte of payload or signature changed", async () => {
    const signed = Signed.decode(node.mesh.sign(own, payload));
    for (const part of ["payload", "signature"] as const) {
      for (let at = 0; at < signed[part].length; at++) {
        const changed = signed[part].map((byte, index) => (index === at ? byte ^ 1 : byte));
        const reply = await node.mesh.send(
          own,
          Signed.encode({ ...signed, [part]: changed }).finish(),
        );
        expect(codes(reply)).toEqual(["DISPATCH_INVALID"]);
      }
    }
    expect(started).toEqual([]);
  });

  it("is refused when it is no message at all", async () => {
    for (const bytes of [new Uint8Array(0), node.mesh.host.random(200), Uint8Array.of(10, 255)]) {
      expect(codes(await node.mesh.send(own, bytes))).toEqual(["DISPATCH_INVALID"]);
    }
  });
});

describe("a step token", () => {
  it("is accepted when the coordinator issued it to this node for this attempt", async () => {
    const sealed = node.mesh.sealToken(delivery(), node.keys.box.publicKey);
    expect(codes(await node.mesh.dispatch(withToken(sealed)))).toEqual([]);
  });

  it.each([
    [
      "sealed to another node",
      () => {
        const other = node.mesh.host.crypto.boxKeyPair(new Uint8Array(32).fill(3));
        return node.mesh.sealToken(delivery(), other.publicKey);
      },
    ],
    [
      "opened by another node and sealed again to this one",
      () => {
        const other = node.mesh.host.crypto.boxKeyPair(new Uint8Array(32).fill(3));
        return node.mesh.sealToken(
          delivery({ recipient: other.publicKey }),
          node.keys.box.publicKey,
        );
      },
    ],
    [
      "made by someone who only knows the node's key",
      () => {
        const stranger = node.mesh.host.crypto.signKeyPair(new Uint8Array(32).fill(9));
        return node.mesh.sealToken(delivery(), node.keys.box.publicKey, stranger);
      },
    ],
    [
      "of another attempt",
      () =>
        node.mesh.sealToken(
          delivery({ attempt: { ...attempt, attempt: 2 } }),
          node.keys.box.publicKey,
        ),
    ],
    [
      "of no attempt",
      () => node.mesh.sealToken(delivery({ attempt: undefined }), node.keys.box.publicKey),
    ],
    ["missing", () => new Uint8Array(0)],
  ])("is refused when it is %s, and the step does not start", async (_title, seal) => {
    expect(codes(await node.mesh.dispatch(withToken(seal())))).toEqual(["DISPATCH_INVALID"]);
    expect(started).toEqual([]);
  });
});
