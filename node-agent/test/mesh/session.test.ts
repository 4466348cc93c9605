import { HelloReply } from "@cohort/proto/gen/cohort/node";
import { problem, refuse } from "@cohort/proto/problem";
import { afterEach, describe, expect, it } from "vitest";
import { loadIdentity } from "../../src/identity.ts";
import { FakeMesh } from "../kit/fake-mesh.ts";
import { startNode, type TestNode, testHost } from "../kit/node.ts";

const nodes: TestNode[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop();
});

describe("a session", () => {
  it("says hello until it is answered, whatever goes wrong before", async () => {
    const mesh = new FakeMesh(await testHost(async () => {}));
    let asked = 0;
    mesh.answers.set("hello", async () => {
      asked++;
      if (asked === 1) throw refuse("UNREACHABLE", "away");
      if (asked === 2) return Uint8Array.of(255);
      mesh.answers.delete("hello");
      const problems = [problem("LIMIT_EXCEEDED", "too often")];
      return HelloReply.encode(HelloReply.fromPartial({ problems })).finish();
    });
    nodes.push(await startNode(async () => {}, { mesh }));
    expect(asked).toBe(3);
    expect(mesh.hellos).toHaveLength(1);
  });

  it("keeps the credential that the coordinator sends, on the disk too", async () => {
    const mesh = new FakeMesh(await testHost(async () => {}));
    mesh.answers.set("hello", async () => {
      mesh.answers.delete("hello");
      queueMicrotask(() => mesh.disconnect());
      const reply = { nowMs: 1, heartbeatMs: 4000, userJwt: "renewed" };
      return HelloReply.encode(HelloReply.fromPartial(reply)).finish();
    });
    const node = await startNode(async () => {}, { mesh });
    nodes.push(node);
    const identity = loadIdentity({ ...mesh.host, files: node.disk }, "/data");
    expect(identity?.enrolment?.userJwt).toBe("renewed");
  });
});
