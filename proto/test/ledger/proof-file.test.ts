import { describe, expect, it } from "vitest";
import {
  formatEntryProof,
  formatGrowthProof,
  parseProofFile,
} from "../../src/ledger/proof-file.ts";

const hash = (byte: number) => new Uint8Array(32).fill(byte);
const checkpoint = "mesh.example\n9\nAAAA\n\n— mesh.example BBBB\n";
const entry = { json: '{"seq":8,"text":"é"}', index: 7, path: [hash(1), hash(2)], checkpoint };
const growth = { older: 4, path: [hash(3)], checkpoint };

describe("a proof's file", () => {
  it("gives back what was proved", () => {
    expect(parseProofFile(formatEntryProof(entry))).toEqual({ kind: "entry", ...entry });
    expect(parseProofFile(formatGrowthProof(growth))).toEqual({ kind: "growth", ...growth });
  });

  it("of an entry without its payload holds its hash, and what is left", () => {
    const dropped = { leafHash: hash(9), by: 12, atMs: 1_000, maxAgeMs: 86_400_000 };
    const lacking = { ...entry, json: '{"dropped":{"é":4},"entry":{"seq":8}}', dropped };
    expect(parseProofFile(formatEntryProof(lacking))).toEqual({ kind: "entry", ...lacking });
    const text = Buffer.from('{"leaf_hash":"AA==","remainder":"{}"}').toString("base64");
    const bad = formatEntryProof(lacking).replace(/extra .*/, `extra ${text}`);
    expect(() => parseProofFile(bad)).toThrow(expect.objectContaining({ code: "LEDGER_INVALID" }));
  });

  it("holds entries of any size", () => {
    const large = { ...entry, json: JSON.stringify("x".repeat(2_000_000)) };
    expect(parseProofFile(formatEntryProof(large))).toMatchObject({ json: large.json });
  });

  it("of an entry is as the specification writes it", () => {
    const [one, two] = [hash(1), hash(2)].map((it) => Buffer.from(it).toString("base64"));
    const extra = Buffer.from(entry.json).toString("base64");
    expect(formatEntryProof(entry)).toBe(
      `c2sp.org/tlog-proof@v1\nextra ${extra}\nindex 7\n${one}\n${two}\n\n${checkpoint}`,
    );
  });

  it.each([
    ["nothing", ""],
    ["no checkpoint", "old 4"],
    ["another version", formatEntryProof(entry).replace("@v1", "@v2")],
    ["no entry", formatEntryProof(entry).replace(/extra .*\n/, "")],
    ["an entry that is no base64", formatEntryProof(entry).replace(/extra .*/, "extra %")],
    ["an entry that is no text", formatEntryProof(entry).replace(/extra .*/, "extra /w==")],
    ["no index", formatEntryProof(entry).replace("index 7\n", "")],
    ["an index with a leading zero", formatEntryProof(entry).replace("index 7", "index 07")],
    ["a negative index", formatEntryProof(entry).replace("index 7", "index -7")],
    ["an index beyond all", formatEntryProof(entry).replace("index 7", "index 9007199254740992")],
    ["a hash that is too short", formatGrowthProof({ ...growth, path: [hash(1).slice(1)] })],
    ["a line that is no hash", formatGrowthProof(growth).replace("old 4", "old 4\nx")],
  ])("with %s is refused", (_, text) => {
    expect(() => parseProofFile(text)).toThrow(expect.objectContaining({ code: "LEDGER_INVALID" }));
  });
});
