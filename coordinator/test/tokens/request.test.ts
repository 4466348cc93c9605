import { ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { requestProof } from "@cohort/proto/proof";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../src/ledger/crypto.ts";
import { createSigningKey, type SigningKey, verifySignature } from "../../src/ledger/ed25519.ts";
import { verifyRequest } from "../../src/tokens/request.ts";
import { hex, now, token } from "./samples.ts";

const node = createSigningKey(new Uint8Array(32).fill(11));
const otherNode = createSigningKey(new Uint8Array(32).fill(12));
const invalid = expect.objectContaining({ code: "PROOF_INVALID" });

const plain = {
  token,
  seq: 4,
  atMs: now,
  service: "maintenance",
  method: "POST",
  path: "/tickets?urgent=1",
  headers: [
    { name: "content-type", value: "application/json" },
    { name: "accept", value: "*/*" },
  ],
  body: Buffer.from('{"press":7}'),
  more: false,
};
const request = signed(plain, node);

describe("the proof of a proxied request", () => {
  it("verifies for the node that signed it, also after a message's way over the wire", async () => {
    await verifyRequest(request, node.publicKey, now);
    await verifyRequest(
      ProxyRequest.decode(ProxyRequest.encode(request).finish()),
      node.publicKey,
      now,
    );
  });

  it("verifies without headers and body", async () => {
    const bare = signed({ ...plain, method: "GET", headers: [], body: Buffer.alloc(0) }, node);
    await verifyRequest(bare, node.publicKey, now);
  });

  it.each<[string, Partial<ProxyRequest>]>([
    ["another body (attack 12)", { body: Buffer.from('{"press":8}') }],
    ["no body", { body: Buffer.alloc(0) }],
    ["another method (attack 13)", { method: "DELETE" }],
    ["another query", { path: "/tickets?urgent=0" }],
    ["another path", { path: "/ticket?surgent=1" }],
    ["another service", { service: "desk" }],
    ["another number (attack 9)", { seq: 5 }],
    ["another time", { atMs: now + 1 }],
    ["another token", { token: `${token}A` }],
    ["a header's other value", { headers: [{ name: "content-type", value: "text/plain" }] }],
    ["its headers in another order", { headers: [...plain.headers].reverse() }],
    ["a header more", { headers: [...plain.headers, { name: "x", value: "" }] }],
    ["no headers", { headers: [] }],
    ["a body that goes on", { more: true }],
    ["a length that it did not say", { length: 11 }],
    ["bytes moved between a header's name and value", movedHeader()],
    ["bytes moved between service and method", { service: "maintenanceP", method: "OST" }],
    ["no proof", { proof: Buffer.alloc(0) }],
    ["a shortened proof", { proof: request.proof.slice(0, 63) }],
    ["a lengthened proof", { proof: Buffer.concat([request.proof, Buffer.of(0)]) }],
  ])("is refused with %s", async (_, change) => {
    await expect(verifyRequest({ ...request, ...change }, node.publicKey, now)).rejects.toEqual(
      invalid,
    );
  });

  it("is refused by another node's key (attack 6)", async () => {
    await expect(verifyRequest(request, otherNode.publicKey, now)).rejects.toEqual(invalid);
    await expect(verifyRequest(request, new Uint8Array(0), now)).rejects.toEqual(invalid);
  });

  it("is refused when a bit of it is changed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(63), fc.nat(7), async (at, bit) => {
        const proof = Uint8Array.from(request.proof);
        proof[at] = (proof[at] as number) ^ (1 << bit);
        await expect(verifyRequest({ ...request, proof }, node.publicKey, now)).rejects.toEqual(
          invalid,
        );
      }),
    );
  });

  it("is good for a while around its time, and no longer", async () => {
    const skew = limits.proofSkewMsMax;
    await verifyRequest(request, node.publicKey, now + skew);
    await verifyRequest(request, node.publicKey, now - skew);
    await expect(verifyRequest(request, node.publicKey, now + skew + 1)).rejects.toEqual(invalid);
    await expect(verifyRequest(request, node.publicKey, now - skew - 1)).rejects.toEqual(invalid);
  });

  it.each([0, -1, 1.5, Number.NaN])("is refused with the number %d", async (seq) => {
    await expect(
      verifyRequest(signed({ ...plain, seq }, node), node.publicKey, now),
    ).rejects.toEqual(invalid);
  });

  it("is refused at a time that is none", async () => {
    const never = signed({ ...plain, atMs: Number.NaN }, node);
    await expect(verifyRequest(never, node.publicKey, now)).rejects.toEqual(invalid);
  });
});

describe("a malformed Ed25519 signature (attack 15)", () => {
  it("is refused when its scalar is not reduced, though the equation holds", async () => {
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const proof = Uint8Array.from(request.proof);
    const scalar = fromLittleEndian(proof.subarray(32)) + order;
    proof.set(toLittleEndian(scalar), 32);
    await expect(verifyRequest({ ...request, proof }, node.publicKey, now)).rejects.toEqual(
      invalid,
    );
  });

  /** Points of order 1, 2, 4 and 8, and their encodings that are not canonical (RFC 8032 §5.1.3). */
  const lowOrder = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  ].map(hex);

  it("is refused under a key of low order, which fits any message for a laxer verifier", async () => {
    const identity = lowOrder[0] as Uint8Array;
    const fitsAll = Buffer.concat([identity, Buffer.alloc(32)]);
    expect(verifySignature(identity, Buffer.from("anything"), fitsAll)).toBe(true);
    for (const key of lowOrder) {
      for (const point of lowOrder) {
        const proof = Buffer.concat([point, Buffer.alloc(32)]);
        await expect(verifyRequest({ ...request, proof }, key, now)).rejects.toEqual(invalid);
      }
    }
  });
});

function signed(fields: Omit<ProxyRequest, "proof">, key: SigningKey): ProxyRequest {
  const { body, ...rest } = fields;
  return { ...fields, proof: key.sign(requestProof({ ...rest, bodyHash: sha256(body) })) };
}

function movedHeader(): Partial<ProxyRequest> {
  const [first, ...rest] = plain.headers;
  return { headers: [{ name: "content-typ", value: `e${first?.value}` }, ...rest] };
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

function toLittleEndian(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex").reverse();
}
