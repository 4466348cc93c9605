import sodium from "libsodium-wrappers-sumo";
import { beforeAll, describe, expect, it } from "vitest";
import { verifySignature } from "../../coordinator/src/ledger/ed25519.ts";
import {
  verifyStrictly,
  verifyStrictlyBeside,
} from "../../coordinator/src/tokens/foreign-signature.ts";
import { verifiedId } from "../../coordinator/src/triggers/webhook-signature.ts";
import { runProgram } from "../../node-agent/host/test/agent.ts";
import { readWycheproof, type Wycheproof } from "./wycheproof.ts";

const hex = (text: string) => Buffer.from(text, "hex");

/** Its vectors of one kind, one after the other, each with what it shares with its group. */
async function vectorsOf<Group, Test>(name: string) {
  const { testGroups, numberOfTests }: Wycheproof<Group, Test> = await readWycheproof(name);
  const vectors = testGroups.flatMap(({ tests, ...group }) =>
    tests.map((test) => ({ ...group, ...test, isValid: test.result === "valid" })),
  );
  if (vectors.length !== numberOfTests) throw new Error(`${name}: vectors are missing`);
  return vectors;
}

const ed25519 = () =>
  vectorsOf<{ publicKey: { pk: string } }, { msg: string; sig: string }>("ed25519");

const xchacha = () =>
  vectorsOf<
    { ivSize: number },
    { key: string; iv: string; aad: string; msg: string; ct: string; tag: string }
  >("xchacha20_poly1305");

const hmac = () =>
  vectorsOf<{ tagSize: number }, { key: string; msg: string; tag: string }>("hmac_sha256");

beforeAll(async () => {
  await sodium.ready;
  await ed25519();
}, 180_000);

describe("Wycheproof's Ed25519 (15)", () => {
  it.each([
    ["who enrols", verifyStrictly],
    ["requests of nodes", verifyStrictlyBeside],
    ["the ledger", verifySignature],
  ])("verifies where it is valid and nowhere else, as %s are verified", async (_, verify) => {
    const vectors = await ed25519();
    expect(vectors.length).toBeGreaterThan(100);
    const verdicts = vectors.map(({ publicKey, msg, sig }) =>
      verify(hex(publicKey.pk), hex(msg), hex(sig)),
    );
    expect(await Promise.all(verdicts)).toEqual(vectors.map(({ isValid }) => isValid));
  });

  it("does so in the agent", async () => {
    const vectors = await ed25519();
    const given = vectors.map(({ publicKey, msg, sig }) =>
      [publicKey.pk, msg, sig].map((it) => [...hex(it)]),
    );
    const { result } = await runProgram(`
      const bytes = (all) => new Uint8Array(all);
      return ${JSON.stringify(given)}.map(([key, message, signature]) => {
        try {
          return host.crypto.verify(bytes(message), bytes(signature), bytes(key));
        } catch {
          return false;
        }
      });
    `);
    expect(result).toEqual(vectors.map(({ isValid }) => isValid));
  });
});

describe("Wycheproof's XChaCha20-Poly1305", () => {
  it("opens where it is valid and nowhere else, and seals to the same", async () => {
    const vectors = await xchacha();
    const open = (sealed: Uint8Array, aad: string, iv: string, key: string) => {
      try {
        const cipher = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt;
        return Buffer.from(cipher(null, sealed, hex(aad), hex(iv), hex(key))).toString("hex");
      } catch {
        return null;
      }
    };
    let sealed = 0;
    for (const { key, iv, aad, msg, ct, tag, tcId, isValid } of vectors) {
      expect([tcId, open(hex(ct + tag), aad, iv, key)]).toEqual([tcId, isValid ? msg : null]);
      if (!isValid) continue;
      const seal = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt;
      const again = seal(hex(msg), hex(aad), null, hex(iv), hex(key));
      expect(Buffer.from(again).toString("hex")).toBe(ct + tag);
      sealed += 1;
    }
    expect(sealed).toBeGreaterThan(200);
  });
});

describe("Wycheproof's HMAC-SHA256 (118)", () => {
  const unnamed = { id: "", timestamp: "", signature: "" };

  it("is what webhooks are verified by, and nothing shorter", async () => {
    const vectors = await hmac();
    const verifies = ({ key, msg, tag }: (typeof vectors)[number]) =>
      verifiedId(
        "github",
        hex(key),
        { ...unnamed, hubSignature: `sha256=${tag}`, body: hex(msg) },
        0,
      ) === tag;
    const whole = vectors.filter(({ tagSize }) => tagSize === 256);
    const cut = vectors.filter(({ tagSize }) => tagSize < 256);
    expect(whole.map(verifies)).toEqual(whole.map(({ isValid }) => isValid));
    expect(whole.filter(verifies).length).toBeGreaterThan(20);
    expect(cut.filter(verifies)).toEqual([]);
  });
});
