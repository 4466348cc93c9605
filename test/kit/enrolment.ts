import { EnrolReply, EnrolRequest, type Facts } from "@cohort/proto/gen/cohort/node";
import { decodeJoinToken } from "@cohort/proto/join-token";
import { enrolProof } from "@cohort/proto/proof";
import { subjects } from "@cohort/proto/subjects";
import { fromSeed } from "@nats-io/nkeys";
import { joinBus } from "./bus.ts";
import type { TestMesh } from "./mesh.ts";
import { caOf } from "./mesh-place.ts";
import { type RogueKeys, sodium } from "./rogue-keys.ts";

/** What a rogue says of its machine: room for many steps, and that it isolates them. */
export const facts: Facts = {
  version: "0.1.0",
  arch: "x86_64",
  kernel: "6.12.0",
  hostname: "rogue",
  cores: 4,
  memoryBytes: 1024 ** 3,
  isolation: "strict",
  slots: 256,
  devices: [],
  models: [],
  diskBytes: 0,
  diskFreeBytes: 0,
};

/** Asks to enrol with a join token as an honest machine does; the answer may be a refusal. */
export async function askToEnrol(
  mesh: TestMesh,
  joinToken: string,
  keys: RogueKeys,
): Promise<EnrolReply> {
  const { invite, secret, servers, userJwt, userSeed } = decodeJoinToken(joinToken);
  const guest = { owner: invite, jwt: userJwt, seed: new TextEncoder().encode(userSeed) };
  const { connection } = await joinBus({ servers, ca: caOf(mesh) }, guest);
  const claims = {
    invite,
    natsKey: keys.nats,
    signKey: keys.sign.publicKey,
    boxKey: keys.box.publicKey,
  };
  const message = enrolProof(claims);
  const proof = sodium.crypto_sign_detached(message, keys.sign.privateKey);
  const natsProof = fromSeed(keys.natsSeed).sign(message);
  const request = { ...claims, secret: Buffer.from(secret, "base64url"), proof, natsProof, facts };
  try {
    const payload = EnrolRequest.encode(request).finish();
    const reply = await connection.request(subjects.enrol(invite), payload, { timeout: 10_000 });
    return EnrolReply.decode(reply.data);
  } finally {
    await connection.close();
  }
}
