import { HelloReply, RotateReply, RotateRequest } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import { helloProof, rotateProof } from "@cohort/proto/proof";
import { afterEach, describe, expect, it } from "vitest";
import { runAgent } from "../src/agent.ts";
import { deriveKeys, loadIdentity } from "../src/identity.ts";
import { KeyRing } from "../src/key-ring.ts";
import { FakeMesh } from "./kit/fake-mesh.ts";
import { MemoryDisk } from "./kit/memory-files.ts";
import { startNode, type TestNode, testHost } from "./kit/node.ts";

const nodes: TestNode[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop();
});

/** A coordinator that wants other keys until it has been told of some. */
async function asking(): Promise<{ mesh: FakeMesh; requests: RotateRequest[] }> {
  const mesh = new FakeMesh(await testHost(async () => {}));
  const requests: RotateRequest[] = [];
  mesh.rotate = () => requests.length === 0;
  mesh.answers.set("rotate", async (payload) => {
    requests.push(RotateRequest.decode(payload));
    return RotateReply.encode({ problems: [], userJwt: "jwt of the new" }).finish();
  });
  return { mesh, requests };
}

describe("a node that is asked for other keys", () => {
  it("has them vouched for by the former, keeps them, and says hello with them", async () => {
    const { mesh, requests } = await asking();
    const node = await startNode(async () => {}, { mesh });
    nodes.push(node);
    await node.until(() => mesh.hellos.length > 1);
    const [request] = requests as [RotateRequest];
    const { crypto } = mesh.host;
    const formerSignKey = node.keys.sign.publicKey;
    const claim = rotateProof({ node: mesh.node, formerSignKey, ...request });
    expect(crypto.verify(claim, request.formerProof, formerSignKey)).toBe(true);
    expect(crypto.verify(claim, request.proof, request.signKey)).toBe(true);
    expect(crypto.verify(claim, request.natsProof, request.natsKey)).toBe(true);
    const identity = loadIdentity({ ...mesh.host, files: node.disk }, "/data");
    expect(identity).toMatchObject({ next: null, enrolment: { userJwt: "jwt of the new" } });
    const kept = deriveKeys(mesh.host, (identity as NonNullable<typeof identity>).seeds);
    expect(kept.sign.publicKey).toEqual(request.signKey);
    const [first, second] = mesh.hellos;
    for (const [hello, key] of [
      [first, formerSignKey],
      [second, request.signKey],
    ] as const) {
      const { session = 0, instance = "", proof = new Uint8Array() } = hello ?? {};
      const said = helloProof({ node: mesh.node, session, instance });
      expect(crypto.verify(said, proof, key)).toBe(true);
    }
  });

  it("that dies before it hears the answer asks again with the same keys", async () => {
    const { mesh, requests } = await asking();
    const answer = mesh.answers.get("rotate") as (payload: Uint8Array) => Promise<Uint8Array>;
    mesh.answers.set("rotate", async (payload) => {
      await answer(payload);
      throw refuse("CALL_UNCERTAIN", "no answer");
    });
    const disk = new MemoryDisk();
    const dying = await startNode(async () => {}, { mesh, disk });
    await dying.until(() => requests.length === 1);
    await dying.stop();
    disk.losePower();
    mesh.answers.set("rotate", answer);
    const stopping = new AbortController();
    const host = { ...mesh.host, files: disk };
    const options = { dataDirectory: "/data", connect: mesh.connect };
    const running = runAgent(host, options, stopping.signal);
    await dying.until(() => requests.length === 2);
    expect(requests[1]).toEqual(requests[0]);
    await dying.until(() => loadIdentity(host, "/data")?.next === null);
    stopping.abort();
    await running;
  });

  it("opens tokens that are sealed to any of its keys, and signs with the latest", async () => {
    const disk = new MemoryDisk();
    const host = await testHost(async () => {}, disk);
    const seeds = { nats: host.random(32), sign: host.random(32), box: host.random(32) };
    const enrolment = {
      node: "board-1",
      userJwt: "jwt",
      rootCa: "pem",
      coordinatorKey: new Uint8Array(32),
      servers: ["a:1"],
    };
    const ring = new KeyRing(host, "/data", { seeds, next: null, enrolment });
    const former = ring.current;
    const next = ring.prepare();
    expect(ring.prepare()).toBe(next);
    expect(ring.boxes).toEqual([former.box, next.box]);
    ring.adopt("jwt of the new");
    expect(ring.current).toBe(next);
    expect(ring.boxes).toEqual([next.box, former.box]);
    expect(ring.isPending).toBe(false);
  });

  it("goes on with what it has when the disk takes no others", async () => {
    const { mesh, requests } = await asking();
    const node = await startNode(async () => {}, { mesh });
    nodes.push(node);
    await node.until(() => mesh.hellos.length > 1);
    mesh.rotate = () => true;
    node.disk.full = true;
    mesh.disconnect();
    await node.until(() => mesh.hellos.length > 2);
    expect(requests).toHaveLength(1);
  });
});

describe("an agent", () => {
  const stop = new AbortController().signal;
  const running = async (change: (disk: MemoryDisk) => void) => {
    const mesh = new FakeMesh(await testHost(async () => {}));
    mesh.answers.set("hello", async () => HelloReply.encode(HelloReply.fromPartial({})).finish());
    const disk = new MemoryDisk();
    const node = await startNode(async () => {}, { disk });
    await node.stop();
    change(disk);
    const host = { ...mesh.host, files: disk };
    return runAgent(host, { dataDirectory: "/data", connect: mesh.connect }, stop);
  };

  it("refuses to start with keys that others may read, and says how to mend it", async () => {
    const exposed = running((disk) => {
      disk.exposed = true;
    });
    await expect(exposed).rejects.toMatchObject({
      code: "KEYS_EXPOSED",
      problems: [{ hint: expect.stringContaining("chmod 600 /data/identity.json") as unknown }],
    });
  });
});
