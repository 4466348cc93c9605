import type { ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { RogueNode } from "../kit/rogue-node.ts";
import { Probe } from "./probe.ts";

let probe: Probe;
let node: RogueNode;
let token: string;
let seq = 0;

beforeAll(async () => {
  probe = await Probe.start();
  node = await probe.node("prover");
  ({ token } = await probe.assign(node));
});
afterAll(() => probe?.stop());

describe("a request that was changed after it was signed", () => {
  const swaps: [string, (it: ProxyRequest) => Partial<ProxyRequest>][] = [
    ["its body is another (12)", () => ({ body: Buffer.from('{"title":"other"}') })],
    ["its body is gone (12)", () => ({ body: Buffer.alloc(0) })],
    ["its method is another (13)", () => ({ method: "GET" })],
    ["its path is another (13)", () => ({ path: "/echo" })],
    ["it got a query (13)", ({ path }) => ({ path: `${path}?all=1` })],
    ["its service is another (13)", () => ({ service: "desk2" })],
    [
      "a header has another value",
      () => ({ headers: [{ name: "content-type", value: "text/plain" }] }),
    ],
    [
      "it got a header more",
      ({ headers }) => ({ headers: [...headers, { name: "prefer", value: "a" }] }),
    ],
    ["its number is another", (it) => ({ seq: it.seq + 1_000 })],
    ["its time is another", ({ atMs }) => ({ atMs: atMs + 1 })],
  ];

  it.each(swaps)("is refused when %s", async (_, change) => {
    const request = node.request(token, ++seq);
    await probe.expectRefused(node, { ...request, ...change(request) }, "PROOF_INVALID");
    await probe.expectServed(node, request);
  });

  it("is refused with fields of one moved into another", async () => {
    const request = node.request(token, ++seq, { method: "GET", path: "/tickets" });
    const moved = { ...request, method: "GET/tickets", path: "" };
    await probe.expectRefused(node, moved, "PROOF_INVALID");
  });
});

describe("a proof that the node's key did not make", () => {
  it("is refused when another enrolled node's key made it (15)", async () => {
    const other = await probe.node("other");
    await probe.expectRefused(node, other.request(token, ++seq), "PROOF_INVALID");
  });

  const forgeries: [string, (proof: Uint8Array) => Uint8Array][] = [
    ["none", () => new Uint8Array()],
    ["zeros", () => new Uint8Array(64)],
    ["ones", () => new Uint8Array(64).fill(0xff)],
    ["cut", (proof) => proof.subarray(0, 63)],
    ["too long", (proof) => Buffer.concat([proof, Buffer.alloc(1)])],
    ["a bit of R changed", (proof) => flipped(proof, 0)],
    ["a bit of S changed", (proof) => flipped(proof, 40)],
    ["S above the group's order", withOrderAdded],
    ["R of low order", (proof) => Buffer.concat([identityPoint, proof.subarray(32)])],
    ["R of low order, S zero", () => Buffer.concat([identityPoint, Buffer.alloc(32)])],
  ];

  it.each(forgeries)("is refused when it is %s (15)", async (_, forge) => {
    const request = node.request(token, ++seq);
    const proof = forge(request.proof);
    await probe.expectRefused(node, { ...request, proof }, "PROOF_INVALID");
    await probe.expectServed(node, request);
  });
});

describe("a proof's time", () => {
  it.each([-1, 1])("is refused too far from the coordinator's clock, %d way (5)", async (sign) => {
    const atMs = Date.now() + sign * (limits.proofSkewMsMax + 5_000);
    await probe.expectRefused(node, node.request(token, ++seq, { atMs }), "PROOF_INVALID");
  });
});

/** The neutral element: y = 1. */
const identityPoint = Buffer.from(`01${"00".repeat(31)}`, "hex");

/** Order of the prime group, RFC 8032 section 5.1. */
const order = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The same signature for a verifier that does not insist on a reduced S (RFC 8032 section 5.1.7). */
function withOrderAdded(proof: Uint8Array): Uint8Array {
  const scalar = BigInt(`0x${Buffer.from(proof.subarray(32)).reverse().toString("hex")}`);
  const hex = (scalar + order).toString(16).padStart(64, "0");
  return Buffer.concat([proof.subarray(0, 32), Buffer.from(hex, "hex").reverse()]);
}

function flipped(proof: Uint8Array, at: number): Uint8Array {
  const bytes = Uint8Array.from(proof);
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
}
