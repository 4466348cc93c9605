import { ReleaseKeys, Signed } from "@cohort/proto/gen/cohort/node";
import { afterEach, describe, expect, it } from "vitest";
import { machineHost } from "../kit/machine.ts";
import { MemoryDisk } from "../kit/memory-files.ts";
import { dispatchOf, startNode, type TestNode } from "../kit/node.ts";
import { chain, keyPair, tell, updateOf } from "./update-kit.ts";

const nodes: TestNode[] = [];

async function start(options: { readonly disk?: MemoryDisk } = {}): Promise<TestNode> {
  const node = await startNode(async () => undefined, { ...options, host: machineHost });
  nodes.push(node);
  return node;
}

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop();
});

describe("the keys that releases are signed with", () => {
  const learn = (node: TestNode, keys: ReturnType<typeof chain>, signer = node.mesh.keys) => {
    const payload = ReleaseKeys.encode({ keys }).finish();
    const subject = `mesh.down.${node.mesh.node}.keys`;
    node.mesh.releaseKeys = Signed.decode(node.mesh.sign(subject, payload, signer));
    const before = node.mesh.hellos.length;
    node.mesh.disconnect();
    return node.until(() => node.mesh.hellos.length > before);
  };
  /** What it says it trusts, with the hello after this one. */
  const trusted = async (node: TestNode) => {
    const before = node.mesh.hellos.length;
    node.mesh.disconnect();
    await node.until(() => node.mesh.hellos.length > before);
    return node.mesh.hellos.at(-1)?.releaseKey;
  };
  const empty = new Uint8Array(0);

  it("are the coordinator's word at first, and then followed by their signatures", async () => {
    const node = await start();
    expect(node.mesh.hellos[0]?.releaseKey).toEqual(empty);
    await learn(node, chain(1));
    expect(await trusted(node)).toEqual(keyPair(0).publicKey);
    await learn(node, chain(3));
    expect(await trusted(node)).toEqual(keyPair(2).publicKey);
  });

  it.each([
    ["signed by nobody whom it trusts", chain(2, () => keyPair(7))],
    ["that leave out the one that it trusts", chain(3).slice(1)],
    ["that are none", []],
  ])("stay as they were where it is told of keys %s", async (_what, keys) => {
    const node = await start();
    await learn(node, chain(1));
    await learn(node, keys);
    expect(await trusted(node)).toEqual(keyPair(0).publicKey);
  });

  it("are nobody's where the record of them is damaged; the node works on", async () => {
    const disk = new MemoryDisk();
    disk.contents.set("/data/update/record", new TextEncoder().encode('{"releaseKey":"x'));
    const node = await start({ disk });
    const { problems } = await tell(node.mesh, updateOf());
    expect(problems.map((it) => it.code)).toEqual(["RELEASE_UNTRUSTED"]);
    expect((await node.mesh.dispatch(dispatchOf("R1"))).problems).toEqual([]);
  });

  it("are not taken from whoever stands between", async () => {
    const node = await start();
    await learn(node, chain(1), keyPair(0));
    expect(await trusted(node)).toEqual(empty);
  });
});
