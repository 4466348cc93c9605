import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { ProxyRequest, SignedToken, TokenDelivery } from "@cohort/proto/gen/cohort/node";
import { pieceProof, requestProof, tokenProof } from "@cohort/proto/proof";
import { beforeAll, describe, expect, it } from "vitest";
import { sha256 } from "../../coordinator/src/ledger/crypto.ts";
import { createSigningKey } from "../../coordinator/src/ledger/ed25519.ts";
import { sealDelivery } from "../../coordinator/src/tokens/delivery.ts";
import { decryptPaseto, encryptPaseto } from "../../coordinator/src/tokens/paseto.ts";
import { verifyRequest } from "../../coordinator/src/tokens/request.ts";
import { sodium } from "../../coordinator/src/vault/sodium.ts";
import { ensurePackages } from "../../node-agent/toolchain/prerequisites.mjs";

/** Debian's own, for which its packages are; another may come before it. */
const python3 = "/usr/bin/python3";
const program = join(import.meta.dirname, "python", "tokens.py");
const key = randomBytes(32);
const seed = randomBytes(32);
const signer = createSigningKey(seed);
const nowMs = 1_790_000_000_000;
const attempt = { run: "01ARZ3NDEKTSV4RRFFQ69G5FAV", step: "ticket", instance: 2, attempt: 1 };
const message = Buffer.from(JSON.stringify({ services: ["a".repeat(300)], until: "ü" }));
const footer = Buffer.from("1");

beforeAll(async () => {
  const installed = spawnSync(python3, ["-c", "import nacl"]).status === 0;
  await ensurePackages(installed ? [] : ["python3-nacl"], () => {});
});

/** What Python answers; null when it refuses. */
function python(
  task: Record<string, unknown>,
  bytes: Readonly<Record<string, Uint8Array>> = {},
): Record<string, unknown> | null {
  const hex = Object.entries(bytes).map(([name, it]) => [name, Buffer.from(it).toString("hex")]);
  const input = JSON.stringify({ ...task, bytes: Object.fromEntries(hex) });
  const { status, stdout, stderr, error } = spawnSync(python3, [program], { input });
  if (error !== undefined) throw error;
  if (status === 0) return JSON.parse(stdout.toString()) as Record<string, unknown>;
  expect(stderr.toString()).toMatch(/(?:ValueError|BadSignatureError|CryptoError)[^\n]*\n$/);
  return null;
}

const fromHex = (value: unknown) => Buffer.from(String(value), "hex");
const flipped = (bytes: Uint8Array) =>
  Uint8Array.from(bytes, (it, at) => (at === 40 ? it ^ 1 : it));

describe("a second implementation of tokens, in Python with PyNaCl", () => {
  it("opens a PASETO token of ours, and no other", () => {
    const token = encryptPaseto(key, { message, footer });
    expect(python({ do: "open-token", token }, { key })).toEqual({
      message: message.toString("hex"),
      footer: footer.toString("hex"),
    });
    expect(python({ do: "open-token", token }, { key: seed })).toBeNull();
  });

  it("makes a PASETO token that ours opens", () => {
    const made = python({ do: "make-token" }, { key, nonce: randomBytes(32), message, footer });
    const opened = decryptPaseto(key, String(made?.["token"]));
    expect(Buffer.from(opened?.message ?? [])).toEqual(message);
    expect(Buffer.from(opened?.footer ?? [])).toEqual(footer);
    expect(decryptPaseto(seed, String(made?.["token"]))).toBeNull();
  });

  it("opens a sealed delivery of ours as its node, and no other's", () => {
    const node = sodium.crypto_box_keypair();
    const other = sodium.crypto_box_keypair();
    const sealed = sealDelivery({
      token: "v4.local.x",
      boxKey: node.publicKey,
      attempt,
      expiresMs: nowMs,
      signer,
    });
    const coordinatorKey = signer.publicKey;
    const task = { do: "open-delivery" };
    expect(python(task, { sealed, boxKey: node.privateKey, coordinatorKey })).toEqual({
      token: "v4.local.x",
      expiresMs: nowMs,
    });
    expect(python(task, { sealed, boxKey: other.privateKey, coordinatorKey })).toBeNull();
    expect(
      python(task, {
        sealed,
        boxKey: node.privateKey,
        coordinatorKey: createSigningKey(key).publicKey,
      }),
    ).toBeNull();
  });

  it("seals a delivery that reads as ours", () => {
    const node = sodium.crypto_box_keypair();
    const made = python(
      { do: "make-delivery", token: "v4.local.x", expiresMs: nowMs, ...attempt },
      { recipient: node.publicKey, seed },
    );
    const opened = sodium.crypto_box_seal_open(
      fromHex(made?.["sealed"]),
      node.publicKey,
      node.privateKey,
    );
    const { payload, signature } = SignedToken.decode(opened);
    expect(
      sodium.crypto_sign_verify_detached(signature, tokenProof(payload), signer.publicKey),
    ).toBe(true);
    expect(TokenDelivery.decode(payload)).toMatchObject({ token: "v4.local.x", attempt });
  });
});

describe("a second implementation of request proofs, in Python with PyNaCl", () => {
  const body = Buffer.from([0, 255, 10, 13]);
  const plain = {
    token: "v4.local.x",
    seq: 7,
    atMs: nowMs,
    service: "desk",
    method: "POST",
    path: "/tickets?q=%C3%BC",
    headers: [{ name: "content-type", value: "text/plain" }],
  };
  const forms = [
    { ...plain, more: false },
    { ...plain, more: true },
    { ...plain, more: true, length: 70_000 },
    { ...plain, more: false, headers: [], length: 4 },
  ];

  it.each(forms)("signs what ours verifies, and verifies what ours signs: %j", async (form) => {
    const request = { ...form, body: body.toString("hex") };
    const signed = python({ do: "sign-request", request }, { seed });
    const theirs = ProxyRequest.fromPartial({ ...form, body, proof: fromHex(signed?.["proof"]) });
    const verifyPiece = await verifyRequest(theirs, signer.publicKey, nowMs);

    const proof = signer.sign(requestProof({ ...form, bodyHash: sha256(body) }));
    const { publicKey } = signer;
    expect(python({ do: "verify-request", request }, { publicKey, proof })).toEqual({});
    expect(
      python({ do: "verify-request", request }, { publicKey, proof: flipped(proof) }),
    ).toBeNull();

    const pieces = [
      { data: randomBytes(1000), last: false },
      { data: Buffer.alloc(0), last: true },
    ];
    let former: Uint8Array = theirs.proof;
    for (const { data, last } of pieces) {
      const made = python({ do: "sign-piece", last }, { seed, former, data });
      await verifyPiece({ data, last, proof: fromHex(made?.["proof"]) });
      expect(fromHex(made?.["proof"])).toEqual(
        Buffer.from(signer.sign(pieceProof({ former, last, dataHash: sha256(data) }))),
      );
      former = fromHex(made?.["proof"]);
    }
  });
});
