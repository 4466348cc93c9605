import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decryptPaseto,
  encryptPaseto,
  encryptWithNonce,
  peekFooter,
} from "../../src/tokens/paseto.ts";
import { hex } from "./samples.ts";

interface Vectors {
  readonly key: string;
  readonly vectors: readonly Record<
    "name" | "nonce" | "token" | "payload" | "footer" | "assertion",
    string
  >[];
  readonly mustFail: readonly Record<"name" | "token" | "assertion", string>[];
}

const official: Vectors = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "paseto-v4-local.json"), "utf8"),
);
const officialKey = hex(official.key);
const key = new Uint8Array(32).fill(9);
const bytes = (text: string) => new Uint8Array(Buffer.from(text));

describe("PASETO v4.local", () => {
  it.each(official.vectors)("encrypts and decrypts vector $name of the standard", (vector) => {
    const plain = { message: bytes(vector.payload), footer: bytes(vector.footer) };
    const assertion = bytes(vector.assertion);
    expect(encryptWithNonce(officialKey, plain, assertion, hex(vector.nonce))).toBe(vector.token);
    const opened = decryptPaseto(officialKey, vector.token, assertion);
    expect(Buffer.from(opened?.message ?? []).toString()).toBe(vector.payload);
    expect(Buffer.from(opened?.footer ?? []).toString()).toBe(vector.footer);
  });

  it.each(official.mustFail)("opens nothing of vector $name, which must fail", (vector) => {
    const { token, assertion } = vector;
    expect(decryptPaseto(officialKey, token, bytes(assertion))).toBeNull();
    expect(decryptPaseto(officialKey, token)).toBeNull();
  });

  it("does not open under another assertion or key", () => {
    const text = encryptPaseto(key, { message: bytes("m"), footer: bytes("f") }, bytes("a"));
    expect(decryptPaseto(key, text, bytes("a"))).not.toBeNull();
    expect(decryptPaseto(key, text)).toBeNull();
    expect(decryptPaseto(officialKey, text, bytes("a"))).toBeNull();
  });

  it("gives back any message and footer, under another text each time", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (message, footer) => {
        const text = encryptPaseto(key, { message, footer });
        const opened = decryptPaseto(key, text);
        expect(new Uint8Array(opened?.message ?? [1])).toEqual(message);
        expect(new Uint8Array(peekFooter(text) ?? [1])).toEqual(footer);
        expect(encryptPaseto(key, { message, footer })).not.toBe(text);
      }),
    );
  });

  it("does not move bytes between message, footer and assertion", () => {
    const text = encryptPaseto(key, { message: bytes("m"), footer: bytes("ab") }, bytes("c"));
    const [head = ""] = text.split(/\.(?=[^.]*$)/);
    const moved = `${head}.${Buffer.from("a").toString("base64url")}`;
    expect(decryptPaseto(key, moved, bytes("bc"))).toBeNull();
  });

  it.each([
    "",
    "v4.local.",
    "v4.public.AAAA",
    "v3.local.AAAA",
    `v4.local.${"A".repeat(84)}`,
    `v4.local.${"A".repeat(86)}.AA.AA`,
    `v4.local.${"A".repeat(86)}.`,
    `v4.local.${"A".repeat(85)}B`,
    `v4.local.${"A".repeat(86)}==`,
    `v4.local.${"A".repeat(86)}.A+A/`,
    "v4.local.\u0000",
  ])("opens nothing from %j", (text) => {
    expect(decryptPaseto(key, text)).toBeNull();
  });

  it("opens nothing from any other text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(decryptPaseto(key, `v4.local.${text}`)).toBeNull();
      }),
    );
  });
});
