import { expect, test } from "vitest";
import { runProgram } from "./agent.ts";

/** Inputs that decoders get wrong; Node's own decoder is the reference. */
const samples = [
  [0xc0, 0x80],
  [0xe0, 0x80, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf0, 0x9f, 0x98],
  [0xe2, 0x82, 0x41],
  [0x41, 0xff, 0x42, 0x80],
  [0xef, 0xbb, 0xbf, 0x68, 0x69],
  [...new TextEncoder().encode("aé漢😀")],
];

test("decoding malformed UTF-8 replaces what Node replaces", async () => {
  const { result } = await runProgram(`
    return ${JSON.stringify(samples)}.map((bytes) => new TextDecoder().decode(new Uint8Array(bytes)));
  `);
  expect(result).toEqual(samples.map((bytes) => new TextDecoder().decode(new Uint8Array(bytes))));
});

test("a fatal decoder throws on what is malformed and on nothing else", async () => {
  const { result } = await runProgram(`
    return ${JSON.stringify(samples)}.map((bytes) => {
      try { new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes)); return true; }
      catch (error) { return !(error instanceof TypeError); }
    });
  `);
  expect(result).toEqual([false, false, false, false, false, false, false, true, true]);
});

test("a stream cut at every byte decodes to the same text", async () => {
  const text = "aé漢😀 end";
  const { result } = await runProgram(`
    const bytes = new TextEncoder().encode(${JSON.stringify(text)});
    const decoder = new TextDecoder();
    let out = "";
    for (const byte of bytes) out += decoder.decode(new Uint8Array([byte]), { stream: true });
    return out + decoder.decode();
  `);
  expect(result).toBe(text);
});

test("encoding replaces lone surrogates", async () => {
  const { result } = await runProgram(
    `return [...new TextEncoder().encode("a\\ud800b\\ud83d\\ude00")];`,
  );
  expect(result).toEqual([...new TextEncoder().encode("a\ud800b\ud83d\ude00")]);
});

test("atob and btoa carry every byte", async () => {
  const { result } = await runProgram(`
    const all = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join("");
    let refused = 0;
    for (const bad of ["a", "ab$d", "====", "\\u0100"]) {
      try { bad === "\\u0100" ? btoa(bad) : atob(bad); } catch { refused++; }
    }
    return { same: atob(btoa(all)) === all, text: btoa("hello"), loose: atob(" aGVs bG8 "), refused };
  `);
  expect(result).toEqual({ same: true, text: "aGVsbG8=", loose: "hello", refused: 4 });
});
