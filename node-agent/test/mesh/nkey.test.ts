import { createUser, fromSeed } from "@nats-io/nkeys";
import { beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../src/host.ts";
import { decodeUserSeed, encodeUserSeed } from "../../src/mesh/nkey.ts";
import { testHost } from "../kit/node.ts";

let host: Host;
beforeAll(async () => {
  host = await testHost(async () => {});
});

describe("nkeys", () => {
  it("are spelled as NATS's own library spells them", () => {
    for (let round = 0; round < 50; round++) {
      const user = createUser();
      const text = new TextDecoder().decode(user.getSeed());
      const seed = decodeUserSeed(text) as Uint8Array;
      expect(encodeUserSeed(seed)).toBe(text);
    }
  });

  it("sign what NATS's own library verifies", () => {
    const seed = host.random(32);
    const pair = fromSeed(new TextEncoder().encode(encodeUserSeed(seed)));
    const message = new TextEncoder().encode("nonce");
    const signature = host.crypto.sign(message, host.crypto.signKeyPair(seed).secretKey);
    expect(pair.verify(message, signature)).toBe(true);
  });

  it("are refused with any character changed, and when they are of another kind", () => {
    const text = encodeUserSeed(host.random(32));
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === "A" ? "B" : "A";
      expect(decodeUserSeed(text.slice(0, at) + other + text.slice(at + 1))).toBeNull();
    }
    for (const wrong of ["", "SU", `${text}A`, text.toLowerCase(), text.replace("SU", "SA")]) {
      expect(decodeUserSeed(wrong)).toBeNull();
    }
  });
});
