import { limits } from "@cohort/proto/limits";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decryptPaseto, encryptPaseto } from "../../src/tokens/paseto.ts";
import { createTokenKeys, issueToken, openToken } from "../../src/tokens/token.ts";
import { claims, keys, keysOf, now, token } from "./samples.ts";

const mesh = "01BX5ZZKBKACTAV9WEVGEMMVRZ";
const invalid = expect.objectContaining({
  code: "TOKEN_INVALID",
  message: "the step token does not verify",
});
const expired = expect.objectContaining({ code: "TOKEN_EXPIRED" });

describe("a step token", () => {
  it("says what it was issued with, to the coordinator alone", () => {
    expect(openToken(keys, token, now)).toEqual({ ...claims, audience: keys.audience });
    for (const word of [claims.node, claims.attempt.run, "maintenance"]) {
      expect(Buffer.from(token, "base64url").includes(word)).toBe(false);
    }
  });

  it("is refused with any one character changed (attack 1)", () => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    for (let at = 0; at < token.length; at += 1) {
      const old = alphabet.indexOf(token[at] ?? "");
      for (const step of [1, 2, 32]) {
        const other = alphabet[(old + step) % alphabet.length];
        const changed = token.slice(0, at) + other + token.slice(at + 1);
        expect(() => openToken(keys, changed, now)).toThrow(invalid);
      }
    }
  });

  it("is refused truncated or extended (attack 2)", () => {
    for (let length = 0; length < token.length; length += 1) {
      expect(() => openToken(keys, token.slice(0, length), now)).toThrow(invalid);
    }
    for (const more of ["A", "=", ".", " ", "\n", ".AA", "A".repeat(100_000)]) {
      expect(() => openToken(keys, token + more, now)).toThrow(invalid);
      expect(() => openToken(keys, more + token, now)).toThrow(invalid);
    }
  });

  it("is refused under a key id that is not, or is another's (attacks 3 and 18)", () => {
    const derive = (purpose: string) => Buffer.alloc(32, purpose);
    const both = createTokenKeys({ mesh, derive, ids: ["2", "1"] });
    const before = createTokenKeys({ mesh, derive, ids: ["1"] });
    const after = createTokenKeys({ mesh, derive, ids: ["2"] });
    const old = issueToken({ keys: before, claims });
    expect(openToken(both, old, now).id).toBe(claims.id);
    expect(() => openToken(after, old, now)).toThrow(invalid);
    expect(() => openToken(before, issueToken({ keys: both, claims }), now)).toThrow(invalid);
    const relabelled = old.replace(/\.[^.]*$/, `.${Buffer.from("2").toString("base64url")}`);
    expect(() => openToken(both, relabelled, now)).toThrow(invalid);
    expect(() => openToken(both, old.replace(/\.[^.]*$/, ""), now)).toThrow(invalid);
  });

  it("is refused by another mesh, of another vault or of the same (attack 4)", () => {
    const otherMesh = "01BX5ZZKBKACTAV9WEVGEMMVS1";
    expect(() => openToken(keysOf(otherMesh, "1"), token, now)).toThrow(invalid);
    expect(() => openToken(keysOf(mesh, "1", 2), token, now)).toThrow(invalid);
  });

  it("is valid from its issue to its expiry, with the clock's skew before and none after (attack 5)", () => {
    const { issuedMs, expiresMs } = claims;
    expect(openToken(keys, token, expiresMs - 1).id).toBe(claims.id);
    expect(() => openToken(keys, token, expiresMs)).toThrow(expired);
    expect(() => openToken(keys, token, Number.MAX_SAFE_INTEGER)).toThrow(expired);
    expect(openToken(keys, token, issuedMs - limits.proofSkewMsMax).id).toBe(claims.id);
    expect(() => openToken(keys, token, issuedMs - limits.proofSkewMsMax - 1)).toThrow(invalid);
  });

  it.each<[string, object]>([
    ["a lifetime above the limit", { expiresMs: now + limits.stepTokenLifetimeMs + 1 }],
    ["no lifetime", { expiresMs: now }],
    ["a lifetime below nothing", { expiresMs: now - 1 }],
    ["times that are no integers", { issuedMs: now + 0.5 }],
    ["an id that is no ULID", { id: "8ZZZZZZZZZZZZZZZZZZZZZZZZZ" }],
    ["a node that is no name", { node: "press.1" }],
    ["no service", { services: [] }],
    ["a service that is no name", { services: ["*"] }],
    ["no attempt number", { attempt: { ...claims.attempt, attempt: 0 } }],
    ["a claim that is not known", { admin: true }],
  ])("is never issued with %s, nor opened", (_, change) => {
    const bad = { ...claims, ...change };
    expect(() => issueToken({ keys, claims: bad })).toThrow(RangeError);
    expect(() => openToken(keys, forged({ ...bad, audience: keys.audience }), now)).toThrow(
      invalid,
    );
  });

  it("is refused when its claims are no JSON of the right form", () => {
    const json = fc.jsonValue();
    fc.assert(
      fc.property(json, (value) => {
        expect(() => openToken(keys, forged(value), now)).toThrow(invalid);
      }),
    );
    const key = keys.byId.get("1") as Uint8Array;
    const raw = encryptPaseto(key, { message: Buffer.of(0xff, 0xfe), footer: Buffer.from("1") });
    expect(() => openToken(keys, raw, now)).toThrow(invalid);
  });

  it("may name many services, and differs each time it is issued", () => {
    const services = Array.from({ length: 128 }, (_, at) => `${at}-`.padEnd(63, "s"));
    const large = issueToken({ keys, claims: { ...claims, services } });
    expect(openToken(keys, large, now).services).toEqual(services);
    expect(token.length).toBeLessThan(1024);
    expect(issueToken({ keys, claims })).not.toBe(token);
  });
});

/** A token that the right key encrypts, whatever it says. */
function forged(value: unknown): string {
  const key = keys.byId.get("1") as Uint8Array;
  const message = Buffer.from(JSON.stringify(value));
  const text = encryptPaseto(key, { message, footer: Buffer.from("1") });
  expect(decryptPaseto(key, text)).not.toBeNull();
  return text;
}
