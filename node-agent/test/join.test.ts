import { EnrolReply, EnrolRequest } from "@cohort/proto/gen/cohort/node";
import { encodeJoinToken } from "@cohort/proto/join-token";
import { problem, refuse } from "@cohort/proto/problem";
import { enrolProof } from "@cohort/proto/proof";
import { beforeEach, describe, expect, it } from "vitest";
import { createNodeHost } from "../node/host.ts";
import { pretendedSandbox } from "../node/sandbox.ts";
import type { Host } from "../src/host.ts";
import { deriveKeys, loadIdentity } from "../src/identity.ts";
import { join } from "../src/join.ts";
import type { BusCredential, ConnectBus } from "../src/mesh/bus.ts";
import { encodeUserSeed } from "../src/mesh/nkey.ts";
import { MemoryDisk } from "./kit/memory-files.ts";
import { testHost } from "./kit/node.ts";

const seed = new Uint8Array(32).fill(4);
const fields = {
  node: "board-1",
  servers: ["a:1", "b:2"],
  rootFingerprint: "ab".repeat(32),
  coordinatorKey: "07".repeat(32),
  invite: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  secret: "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU",
  userJwt: "invite-jwt",
  userSeed: encodeUserSeed(seed),
};
const token = encodeJoinToken(fields);

let host: Host;
let disk: MemoryDisk;
let requests: EnrolRequest[];
let credentials: BusCredential[];
beforeEach(async () => {
  disk = new MemoryDisk();
  host = await testHost(async () => {}, disk);
  requests = [];
  credentials = [];
});

function coordinator(answer: () => Partial<EnrolReply>): ConnectBus {
  return async (server, credential) => {
    credentials.push(credential);
    if (server === "a:1") throw refuse("UNREACHABLE", "a is down");
    return {
      closed: new Promise(() => {}),
      peerRoot: "the root",
      request: async (subject, payload) => {
        expect(subject).toBe(`mesh.enrol.${fields.invite}`);
        requests.push(EnrolRequest.decode(payload));
        return EnrolReply.encode(EnrolReply.fromPartial(answer())).finish();
      },
      converse: () => {
        throw refuse("UNREACHABLE", "nobody calls before joining");
      },
      publish: () => {},
      subscribe: () => {},
      close: async () => {},
    };
  };
}

const welcome = () => ({
  node: "board-1",
  userJwt: "node-jwt",
  servers: ["b:2"],
});

describe("joining", () => {
  it("proves the keys, and keeps them with the answer and the root", async () => {
    expect(await join(host, token, "/data", coordinator(welcome))).toBe("board-1");
    const identity = loadIdentity(host, "/data");
    expect(identity?.enrolment).toEqual({
      ...welcome(),
      rootCa: "the root",
      coordinatorKey: new Uint8Array(32).fill(7),
    });
    const [request] = requests as [EnrolRequest];
    expect(host.crypto.verify(enrolProof(request), request.proof, request.signKey)).toBe(true);
    expect(host.crypto.verify(enrolProof(request), request.natsProof, request.natsKey)).toBe(true);
    expect(request.secret).toEqual(new Uint8Array(32).fill(5));
    const keys = deriveKeys(host, (identity as NonNullable<typeof identity>).seeds);
    expect(request.natsKey).toEqual(keys.nats.publicKey);
    expect(request.boxKey).toEqual(keys.box.publicKey);
    expect(credentials[1]).toMatchObject({
      owner: fields.invite,
      userJwt: "invite-jwt",
      secretKey: host.crypto.signKeyPair(seed).secretKey,
      trust: { fingerprint: new Uint8Array(32).fill(0xab) },
    });
  });

  it("again after an answer that was lost shows the same keys", async () => {
    const lost = coordinator(() => {
      throw refuse("CALL_UNCERTAIN", "no answer");
    });
    await expect(join(host, token, "/data", lost)).rejects.toMatchObject({ code: "UNREACHABLE" });
    await join(host, token, "/data", coordinator(welcome));
    expect(requests[1]?.natsKey).toEqual(requests[0]?.natsKey);
  });

  it("is refused with the coordinator's own words", async () => {
    const refusing = coordinator(() => ({ problems: [problem("INVITE_INVALID", "used")] }));
    await expect(join(host, token, "/data", refusing)).rejects.toMatchObject({
      code: "INVITE_INVALID",
      message: "used",
    });
    expect(loadIdentity(host, "/data")?.enrolment).toBeNull();
  });

  it("is refused with INVITE_EXPIRED when the server knows the token no more", async () => {
    const closed: ConnectBus = async () => {
      throw refuse("UNAUTHENTICATED", "b:2 refused the credential");
    };
    await expect(join(host, token, "/data", closed)).rejects.toMatchObject({
      code: "INVITE_EXPIRED",
    });
  });

  it("is refused with NODE_EXISTS on a machine that is a node already", async () => {
    await join(host, token, "/data", coordinator(welcome));
    const again = join(host, token, "/data", coordinator(welcome));
    await expect(again).rejects.toMatchObject({ code: "NODE_EXISTS" });
    expect(requests).toHaveLength(1);
  });

  it.each([
    ["no token", "hello"],
    ["a seed of another kind", encodeJoinToken({ ...fields, userSeed: "SAAA" })],
    ["a short fingerprint", encodeJoinToken({ ...fields, rootFingerprint: "abcd" })],
    ["a short key of the coordinator", encodeJoinToken({ ...fields, coordinatorKey: "07" })],
    ["no server", encodeJoinToken({ ...fields, servers: [] })],
  ])("is refused with INVITE_INVALID with %s", async (_title, text) => {
    const joining = join(host, text, "/data", coordinator(welcome));
    await expect(joining).rejects.toMatchObject({ code: "INVITE_INVALID" });
    expect(requests).toEqual([]);
  });

  it("is refused with INTERNAL when the answer names no proper node", async () => {
    for (const rest of [{ node: "../x" }, { userJwt: "" }]) {
      const joining = join(
        host,
        token,
        "/data",
        coordinator(() => ({ ...welcome(), ...rest })),
      );
      await expect(joining).rejects.toMatchObject({ code: "INTERNAL" });
    }
  });

  it("is refused with ISOLATION_INSUFFICIENT on a kernel that cannot isolate", async () => {
    const features = [{ name: "seccomp", available: false, reason: "ENOSYS" }];
    const sandbox = pretendedSandbox(async () => {}, { level: "refused", features });
    const weak = { ...(await createNodeHost({ sandbox })), files: disk };
    const joining = join(weak, token, "/data", coordinator(welcome));
    await expect(joining).rejects.toMatchObject({
      code: "ISOLATION_INSUFFICIENT",
      message: "this kernel lacks seccomp (ENOSYS)",
    });
  });
});

describe("a node's identity", () => {
  it.each(["", "{", "{}", '{"natsSeed":"AA=="}', "\xff"])(
    "that is damaged is refused with SETUP_FAILED, not replaced: %j",
    async (text) => {
      const bytes = Uint8Array.from(text, (it) => it.charCodeAt(0));
      disk.contents.set("/data/identity.json", bytes);
      const joining = join(host, token, "/data", coordinator(welcome));
      await expect(joining).rejects.toMatchObject({ code: "SETUP_FAILED" });
      expect(disk.contents.get("/data/identity.json")).toEqual(bytes);
    },
  );
});
