import { decodeJoinToken, encodeJoinToken } from "@cohort/proto/join-token";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askToEnrol } from "../kit/enrolment.ts";
import { ledgerEntries } from "../kit/ledger-entries.ts";
import { TestMesh } from "../kit/mesh.ts";
import { makeKeys } from "../kit/rogue-keys.ts";

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await TestMesh.start();
});
afterAll(() => mesh?.stop());

async function invite(name: string): Promise<string> {
  const { nodes } = mesh.client;
  return (await mesh.client.call(nodes, nodes.invite, { name, labels: {} })).joinToken;
}

/** What the ledger says of enrolment, since the node was invited. */
async function recorded(node: string): Promise<string[]> {
  const entries = await ledgerEntries(mesh);
  const from = entries.findIndex(
    ({ event }) => event?.$case === "nodeInvited" && event.value.node === node,
  );
  return entries.slice(from + 1).flatMap(({ event }) => {
    if (event?.$case === "nodeEnrolled") return [event.value.node];
    return event?.$case === "enrolRefused" ? [event.value.code] : [];
  });
}

describe("a join token", () => {
  it("admits one of two machines that use it at once (19)", async () => {
    const token = await invite("board-1");
    const machines = [makeKeys(), makeKeys()];
    const replies = await Promise.all(machines.map((keys) => askToEnrol(mesh, token, keys)));
    const codes = replies.map(({ problems }) => problems[0]?.code ?? "enrolled");
    expect(codes.toSorted()).toEqual(["INVITE_USED", "enrolled"]);
    const loser = replies.find(({ problems }) => problems.length > 0);
    expect(loser).toMatchObject({ node: "", userJwt: "" });
    expect((await recorded("board-1")).toSorted()).toEqual(["INVITE_USED", "board-1"]);
  });

  it("admits nobody after its machine (19)", async () => {
    const token = await invite("board-2");
    expect((await askToEnrol(mesh, token, makeKeys())).problems).toEqual([]);
    const { problems, userJwt } = await askToEnrol(mesh, token, makeKeys());
    expect(problems[0]?.code).toBe("INVITE_USED");
    expect(userJwt).toBe("");
    expect(await recorded("board-2")).toEqual(["board-2", "INVITE_USED"]);
  });

  it("admits no machine that does not hold the key it shows", async () => {
    const token = await invite("board-3");
    const [keys, others] = [makeKeys(), makeKeys()];
    const sign = { publicKey: others.sign.publicKey, privateKey: keys.sign.privateKey };
    const { problems } = await askToEnrol(mesh, token, { ...keys, sign });
    expect(problems[0]?.code).toBe("ENROL_PROOF_INVALID");
    expect(await recorded("board-3")).toEqual(["ENROL_PROOF_INVALID"]);
  });

  it("admits no machine that shows another's NATS key", async () => {
    const token = await invite("board-8");
    const [keys, others] = [makeKeys(), makeKeys()];
    const { problems } = await askToEnrol(mesh, token, { ...keys, nats: others.nats });
    expect(problems[0]?.code).toBe("ENROL_PROOF_INVALID");
    expect(await recorded("board-8")).toEqual(["ENROL_PROOF_INVALID"]);
  });

  it("admits no box key of low order, to which a token would be sealed for all (14)", async () => {
    const token = await invite("board-4");
    const keys = makeKeys();
    const box = { ...keys.box, publicKey: new Uint8Array(32) };
    const { problems } = await askToEnrol(mesh, token, { ...keys, box });
    expect(problems[0]?.code).toBe("ENROL_PROOF_INVALID");
  });
});

describe("an invite", () => {
  it("that was revoked opens nothing, and neither does its token under another name", async () => {
    const token = await invite("board-5");
    const { nodes } = mesh.client;
    const request = { node: "board-5", reason: "pasted into a chat" };
    const reply = await mesh.client.call(nodes, nodes.revoke, request);
    expect(reply).toMatchObject({ changed: true, what: "invite" });
    const { problems, userJwt } = await askToEnrol(mesh, token, makeKeys());
    expect(problems[0]?.code).toBe("INVITE_REVOKED");
    expect(userJwt).toBe("");
    const later = await invite("board-5");
    expect((await askToEnrol(mesh, later, makeKeys())).problems).toEqual([]);
  });

  it("of another mesh is unknown here, however true its own secret (19)", async () => {
    const [mine, theirs] = [await invite("board-6"), decodeJoinToken(await invite("board-7"))];
    const foreign = { ...decodeJoinToken(mine), secret: theirs.secret };
    const { problems } = await askToEnrol(mesh, encodeJoinToken(foreign), makeKeys());
    expect(problems[0]?.code).toBe("INVITE_INVALID");
  });
});

describe("a node's name", () => {
  it.each(["press-0l", "press-o1"])("is not %s beside press-01 (94)", async (name) => {
    if (name === "press-0l") await invite("press-01");
    await expect(invite(name)).rejects.toMatchObject({ code: "NAME_CONFUSABLE" });
  });

  it.each(["a.b", "*", ">", "a b", "a\r\nb", "A", "", "-a", "a".repeat(64), "ａ", "__proto__"])(
    "is not %j, which could be another subject (21)",
    async (name) => {
      const before = (await ledgerEntries(mesh)).length;
      await expect(invite(name)).rejects.toMatchObject({ code: "NAME_INVALID" });
      expect(await ledgerEntries(mesh)).toHaveLength(before);
    },
  );
});

describe("a key of an enrolled node", () => {
  it.each(["nats", "sign", "box"] as const)(
    "makes no second node: its %s key (20)",
    async (which) => {
      const [first, second] = [makeKeys(), makeKeys()];
      await askToEnrol(mesh, await invite(`owner-${which}`), first);
      const seed = which === "nats" ? { natsSeed: first.natsSeed } : {};
      const copied = { ...second, ...seed, [which]: first[which] };
      const token = await invite(`copy-${which}`);
      const { problems, userJwt } = await askToEnrol(mesh, token, copied);
      expect(problems[0]?.code).toBe("NODE_KEY_REGISTERED");
      expect(userJwt).toBe("");
      expect(await recorded(`copy-${which}`)).toEqual(["NODE_KEY_REGISTERED"]);
    },
  );
});
