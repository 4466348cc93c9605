import { generateKeyPairSync, verify } from "node:crypto";
import { openCheckpoint, signCheckpoint } from "@cohort/proto/ledger/checkpoint";
import { parseVerifierKey } from "@cohort/proto/ledger/note";
import { verifyLedger } from "@cohort/proto/ledger/verify";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noteCrypto, sha256 } from "../../src/ledger/crypto.ts";
import { createSigningKey, verifySignature } from "../../src/ledger/ed25519.ts";
import {
  createCheckpointSigner,
  exportChunkBytesMax,
  exportChunkLeavesMax,
  exportLedger,
} from "../../src/ledger/ledger.ts";
import type { StoredLeaf } from "../../src/log/log.ts";
import { openMemoryLog } from "../../src/log/memory.ts";
import { entries, entry, signer } from "../log/samples.ts";

describe("the checkpoint signer", () => {
  const tree = { size: 3, root: new Uint8Array(32).fill(1) };

  it("signs what its verifier key opens", () => {
    const note = signCheckpoint(tree, signer, sha256);
    const key = parseVerifierKey(signer.verifierKey, sha256);
    expect(openCheckpoint(note, key, noteCrypto)).toEqual({ origin: signer.name, ...tree });
  });

  it("signs what no other key opens, of the same name or not", () => {
    const note = signCheckpoint(tree, signer, sha256);
    for (const other of [
      createCheckpointSigner(new Uint8Array(32).fill(8), signer.name),
      createCheckpointSigner(new Uint8Array(32).fill(7), "cohort/other-mesh"),
    ]) {
      const key = parseVerifierKey(other.verifierKey, sha256);
      expect(() => openCheckpoint(note, key, noteCrypto)).toThrow("not signed by the verifier key");
    }
  });

  it("is the same for the same seed, which may be wiped", () => {
    const seed = new Uint8Array(32).fill(7);
    const again = createCheckpointSigner(seed, signer.name);
    seed.fill(0);
    expect(again.verifierKey).toBe(signer.verifierKey);
    expect(again.sign(Uint8Array.of(1))).toEqual(signer.sign(Uint8Array.of(1)));
  });
});

describe("Ed25519", () => {
  /** RFC 8032 §7.1, test 2. */
  const vector = {
    seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    message: "72",
    signature:
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  };

  it("gives the key and signature of RFC 8032", () => {
    const key = createSigningKey(Buffer.from(vector.seed, "hex"));
    expect(Buffer.from(key.publicKey).toString("hex")).toBe(vector.publicKey);
    const signature = key.sign(Buffer.from(vector.message, "hex"));
    expect(Buffer.from(signature).toString("hex")).toBe(vector.signature);
  });

  it("verifies what the platform's own keys sign", () => {
    const { publicKey } = generateKeyPairSync("ed25519");
    expect(verify(null, Buffer.of(1), publicKey, Buffer.alloc(64))).toBe(false);
    const message = Buffer.of(1, 2);
    expect(verifySignature(signer.publicKey, message, signer.sign(message))).toBe(true);
    expect(verifySignature(signer.publicKey, Buffer.of(1, 3), signer.sign(message))).toBe(false);
  });

  it("is false for keys and signatures of any other length", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.uint8Array({ maxLength: 80 }),
        (key, signature) => {
          expect(verifySignature(key, Uint8Array.of(1), signature)).toBe(false);
        },
      ),
    );
  });

  it("refuses a seed of another length", () => {
    expect(() => createSigningKey(new Uint8Array(31))).toThrow(RangeError);
  });
});

describe("the export of a ledger", () => {
  it("verifies with the public key alone, and leaves out what was appended meanwhile", async () => {
    const log = openMemoryLog({ signer });
    await log.append(entries(1, 2 * exportChunkLeavesMax + 1));
    const ledger = exportLedger(log);
    const chunks: StoredLeaf[][] = [];
    for (const chunk of ledger.chunks) {
      chunks.push([...chunk]);
      await log.append(entries(log.size + 1, log.size + 5));
    }
    const lengths = chunks.map(({ length }) => length);
    expect(lengths).toEqual([exportChunkLeavesMax, exportChunkLeavesMax, 1]);
    const verdict = verifyLedger({
      leaves: chunks.flat(),
      note: ledger.checkpoint,
      verifierKey: signer.verifierKey,
      crypto: noteCrypto,
    });
    expect(verdict).toMatchObject({ ok: true, size: ledger.size });
  });

  it("has no chunk for an empty ledger, whose checkpoint verifies all the same", () => {
    const ledger = exportLedger(openMemoryLog({ signer }));
    expect([...ledger.chunks]).toEqual([]);
    const { checkpoint: note } = ledger;
    const { verifierKey } = signer;
    expect(verifyLedger({ leaves: [], note, verifierKey, crypto: noteCrypto }).ok).toBe(true);
  });

  it("keeps a chunk within its bytes, unless one leaf alone is larger", async () => {
    const log = openMemoryLog({ signer });
    const sizes = [0.6, 0.6, 1.5, 0.1, 0.1].map((share) => Math.ceil(share * exportChunkBytesMax));
    await log.append(sizes.map((size, at) => entry(at + 1, "x".repeat(size))));
    expect([...exportLedger(log).chunks].map(({ length }) => length)).toEqual([1, 1, 1, 2]);
  });
});
