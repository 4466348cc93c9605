import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createScrub, redaction } from "../../src/proxy/scrub.ts";

const secret = `sk-"live"/<9>&'%41\\x_+=?`;

/** A whole answer in one piece. */
function scrub(body: Buffer, text: Buffer) {
  return scrubPieces([body], text);
}

function scrubPieces(pieces: readonly Buffer[], text: Buffer) {
  const it = createScrub([text]);
  const passed = pieces.map((piece) => it.next(piece));
  return { body: Buffer.concat([...passed, it.end()]), hits: it.hits };
}

function everyCharacter(text: string, encode: (code: number) => string): string {
  return [...text].map((character) => encode(character.charCodeAt(0))).join("");
}

function hexOf(code: number): string {
  return code.toString(16).padStart(2, "0");
}

function base64At(text: string, before: string, after: string): string {
  return Buffer.from(before + text + after).toString("base64");
}

/** Every encoding of the catalogue (attacks 108 and 109), by name. */
const encodings: Readonly<Record<string, (text: string) => string>> = {
  raw: (text) => text,
  base64: (text) => base64At(text, "", ""),
  "base64, one byte in": (text) => base64At(text, "x", "yz"),
  "base64, two bytes in": (text) => base64At(text, "xy", "z"),
  base64url: (text) => Buffer.from(text).toString("base64url"),
  "base64url, one byte in": (text) => Buffer.from(`x${text}`).toString("base64url"),
  "hex, lower case": (text) => Buffer.from(text).toString("hex"),
  "hex, upper case": (text) => Buffer.from(text).toString("hex").toUpperCase(),
  "percent, as a component": encodeURIComponent,
  "percent, every byte": (text) => everyCharacter(text, (code) => `%${hexOf(code)}`),
  "percent, upper case": (text) => everyCharacter(text, (code) => `%${hexOf(code).toUpperCase()}`),
  "percent, twice": (text) => encodeURIComponent(encodeURIComponent(text)),
  "percent-encoded base64": (text) => encodeURIComponent(base64At(text, "", "")),
  JSON: (text) => JSON.stringify(text),
  "JSON, slashes escaped": (text) => JSON.stringify(text).replaceAll("/", "\\/"),
  "JSON, every character": (text) => everyCharacter(text, (code) => `\\u00${hexOf(code)}`),
  "JSON in JSON": (text) => JSON.stringify(JSON.stringify({ text })),
  "HTML, named": (text) =>
    text
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      .replaceAll("'", "&apos;"),
  "HTML, decimal": (text) => everyCharacter(text, (code) => `&#${code};`),
  "HTML, hex": (text) => everyCharacter(text, (code) => `&#x${hexOf(code)};`),
};

// Attacks 97 and 108: a secret that is split across the pieces of a stream.
describe("the scrub of an answer in pieces", () => {
  it.each(Object.entries(encodings))("finds the secret wherever it is cut, %s", (_name, encode) => {
    const text = Buffer.from(`before ${encode(secret)} after`);
    for (let at = 0; at <= text.length; at += 1) {
      const { body, hits } = scrubPieces(
        [text.subarray(0, at), text.subarray(at)],
        Buffer.from(secret),
      );
      expect(hits).toBe(1);
      expect(body.toString()).toMatch(/^before .*\[redacted\].* after$/s);
    }
  });

  it.each(Object.entries(encodings))("finds it in single bytes, %s", (_name, encode) => {
    const text = Buffer.from(`before ${encode(secret)} after`);
    const single = [...text].map((byte) => Buffer.of(byte));
    const { body, hits } = scrubPieces(single, Buffer.from(secret));
    expect(hits).toBe(1);
    expect(body.toString()).toMatch(/^before .*\[redacted\].* after$/s);
  });

  it("lets pass what holds none of it, byte for byte, however it is cut", () => {
    const marked = fc.constantFrom(
      "%",
      "&",
      "\\\\",
      "u",
      "0",
      "4",
      "1",
      "#",
      ";",
      "s",
      "k",
      "x",
      "A",
    );
    const text = fc.array(marked, { maxLength: 60 }).map((it) => it.join(""));
    fc.assert(
      fc.property(text, fc.nat(60), fc.nat(60), (it, first, second) => {
        const [a, b] = [Math.min(first, second), Math.max(first, second)];
        const bytes = Buffer.from(it);
        const pieces = [bytes.subarray(0, a), bytes.subarray(a, b), bytes.subarray(b)];
        const { body, hits } = scrubPieces(pieces, Buffer.from("sk-another-secret-A"));
        expect(hits).toBe(0);
        expect(body.toString()).toBe(it);
      }),
    );
  });

  it("lets each event of a stream pass as it comes", () => {
    const it = createScrub([Buffer.from(secret)]);
    const event = Buffer.from('data: {"text":"a \\"quoted\\" word\\n &amp; 50%"}\n\n');
    for (let count = 0; count < 3; count += 1) expect(it.next(event)).toEqual(event);
  });

  it("looks for each of several secrets", () => {
    const it = createScrub([Buffer.from("first-secret"), Buffer.from("second-secret")]);
    const pieces = ["a first-sec", "ret b second", "-secret c"].map((text) => Buffer.from(text));
    const passed = Buffer.concat([...pieces.map((piece) => it.next(piece)), it.end()]);
    expect(passed.toString()).toBe(`a ${redaction} b ${redaction} c`);
    expect(it.hits).toBe(2);
  });
});

describe("scrub", () => {
  it.each(Object.entries(encodings))("takes the secret out of a body, %s", (_name, encode) => {
    const { body, hits } = scrub(
      Buffer.from(`before ${encode(secret)} after`),
      Buffer.from(secret),
    );
    expect(hits).toBe(1);
    expect(body.toString()).toContain(redaction);
    expect(body.toString()).toMatch(/^before .* after$/s);
    // What may remain beside the redaction is the surroundings' share of a base64 character.
    expect(body.length).toBeLessThanOrEqual("before  after".length + redaction.length + 20);
  });

  it.each(Object.entries(encodings))("takes any printable secret out, %s", (_name, encode) => {
    const printable = fc.string({ unit: "grapheme-ascii", minLength: 12, maxLength: 60 });
    fc.assert(
      fc.property(printable, (text) => {
        const { body, hits } = scrub(Buffer.from(`>${encode(text)}<`), Buffer.from(text));
        expect(hits).toBeGreaterThan(0);
        expect(body.toString()).not.toContain(text);
      }),
      { numRuns: 50 },
    );
  });

  it("takes it out of headers, and every time it stands there", () => {
    const it = createScrub([Buffer.from(secret)]);
    expect(it.text(`a ${secret} b ${secret}`)).toBe(`a ${redaction} b ${redaction}`);
    expect(it.hits).toBe(2);
  });

  it("leaves headers without it as they are, whatever letters they have", () => {
    const value = "<ü/日本>; \\u0041 &amp; %20";
    expect(createScrub([Buffer.from(secret)]).text(value)).toBe(value);
  });

  it("leaves an answer without it as it is, byte for byte", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        const { body, hits } = scrub(Buffer.from(bytes), Buffer.from("a secret of some length"));
        expect(hits).toBe(0);
        expect(body).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it("keeps the bytes around it, whatever they are", () => {
    const before = Buffer.from([0, 255, 0x25, 0x5c, 128]);
    const { body } = scrub(
      Buffer.concat([before, Buffer.from(secret), before]),
      Buffer.from(secret),
    );
    expect(body).toEqual(Buffer.concat([before, Buffer.from(redaction), before]));
  });

  it("gets through the largest answer of nothing but escapes", () => {
    const body = Buffer.from("%5c".repeat(256 * 1024));
    expect(scrub(body, Buffer.from(secret)).hits).toBe(0);
  });
});
