import { createHmac } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import sodium from "libsodium-wrappers-sumo";
import { beforeAll, describe, expect, it } from "vitest";
import { verifySignature } from "../../coordinator/src/ledger/ed25519.ts";
import { verifyStrictly } from "../../coordinator/src/tokens/request.ts";
import { verifiedId } from "../../coordinator/src/triggers/webhook-signature.ts";
import { runProgram } from "../../node-agent/host/test/agent.ts";
import { ensurePackages } from "../../node-agent/toolchain/prerequisites.mjs";

interface Vector {
  readonly message: string;
  readonly signature: string;
}

interface Ed25519Vectors {
  readonly key: string;
  readonly valid: Vector;
  readonly invalid: readonly (Vector & { readonly id: number; readonly why: string })[];
}

const file = join(import.meta.dirname, "wycheproof-ed25519.json");
const ed25519 = JSON.parse(readFileSync(file, "utf8")) as Ed25519Vectors;
/** RustCrypto's crate, which has those for HMAC in a form of its own. */
const crate = "/usr/share/cargo/registry/hmac-0.12.1/tests/data";
const hmacFile = join(crate, "wycheproof-sha256.blb");

beforeAll(async () => {
  await sodium.ready;
  await ensurePackages(existsSync(hmacFile) ? [] : ["librust-hmac-dev"], () => {});
});

const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

describe("Wycheproof's Ed25519 signatures that must not verify (15)", () => {
  it.each([
    ["requests of nodes", verifyStrictly],
    ["the ledger", verifySignature],
  ])("do not, as %s are verified, where the valid one does", (_, verify) => {
    const verifies = ({ message, signature }: Vector) =>
      verify(hex(ed25519.key), hex(message), hex(signature));
    expect(verifies(ed25519.valid)).toBe(true);
    expect(ed25519.invalid).toHaveLength(33);
    expect(ed25519.invalid.filter(verifies)).toEqual([]);
  });

  it("do not in the agent", async () => {
    const all = [ed25519.valid, ...ed25519.invalid];
    const bytes = all.map((it) => [it.message, it.signature].map((text) => [...hex(text)]));
    const { result } = await runProgram(`
      const bytes = (all) => new Uint8Array(all);
      const key = bytes(${JSON.stringify([...hex(ed25519.key)])});
      return ${JSON.stringify(bytes)}.map(([message, signature]) => {
        try {
          return host.crypto.verify(bytes(message), bytes(signature), key);
        } catch {
          return false;
        }
      });
    `);
    expect(result).toEqual([true, ...ed25519.invalid.map(() => false)]);
  });
});

describe("Wycheproof's HMAC-SHA256 (118)", () => {
  const standard = (tag: Buffer) => ({ hubSignature: `sha256=${tag.toString("hex")}` });
  const request = { id: "", timestamp: "", signature: "" };

  it("is what webhooks are verified by, and with a bit turned is not", () => {
    const blobs = blobsOf(readFileSync(hmacFile));
    expect(blobs.length % 3).toBe(0);
    let whole = 0;
    for (let at = 0; at < blobs.length; at += 3) {
      const [key, body, tag] = blobs.slice(at, at + 3) as [Buffer, Buffer, Buffer];
      const full = createHmac("sha256", key).update(body).digest();
      expect(full.subarray(0, tag.length)).toEqual(tag);
      if (tag.length < full.length) continue;
      whole += 1;
      const verified = (it: Buffer) =>
        verifiedId("github", key, { ...request, ...standard(it), body }, 0);
      expect(verified(tag)).toBe(tag.toString("hex"));
      const turned = Buffer.from(tag);
      turned[at % 32] = (turned[at % 32] as number) ^ 1;
      expect(verified(turned)).toBeNull();
      expect(verified(tag.subarray(0, 16))).toBeNull();
    }
    expect(whole).toBeGreaterThan(20);
  });
});

/** https://docs.rs/blobby/0.3: blobs that come more than once, then each, by number or as it is. */
function blobsOf(data: Buffer): Buffer[] {
  let at = 0;
  const number = () => {
    let value = 0;
    for (;;) {
      const byte = data[at++] as number;
      value = value * 128 + (byte & 0x7f);
      if (byte < 0x80) return value;
      value += 1;
    }
  };
  const bytes = (length: number) => {
    at += length;
    return data.subarray(at - length, at);
  };
  const repeated = Array.from({ length: number() }, () => bytes(number()));
  const blobs: Buffer[] = [];
  while (at < data.length) {
    const head = number();
    blobs.push(head % 2 === 1 ? (repeated[(head - 1) / 2] as Buffer) : bytes(head / 2));
  }
  return blobs;
}
