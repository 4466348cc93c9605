import { canonicalJson } from "@cohort/proto/ledger/canonical";
import type { LedgerLeaf } from "@cohort/proto/ledger/verify";
import { CohortError } from "@cohort/proto/problem";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leafLine, leavesOn } from "../console/cli/commands/ledger-lines.ts";

const leafHash = Buffer.alloc(32, 0xa5);
const json = canonicalJson({ seq: 1, stepEnded: { text: 'C:\\temp "x"\n\u0001' } });

interface Read {
  readonly json: string;
  readonly hash: string;
  readonly checkpoint: string;
}

/** What is read of lines, or the message with which they are refused. */
function read(lines: string | Buffer): Read[] | string {
  try {
    return leavesOn(Buffer.from(lines), 0, 1).map((leaf) => ({
      json: Buffer.from(leaf.json).toString(),
      hash: Buffer.from(leaf.leafHash).toString("hex"),
      checkpoint: leaf.checkpoint ?? "",
    }));
  } catch (error) {
    if (error instanceof CohortError) return error.message;
    throw error;
  }
}

/** The same, by the whole line as one JSON value. */
function expected(line: Buffer): Read[] | string {
  const refused = "line 1 is not that of a ledger export";
  try {
    const { leaf_hash, json, checkpoint = "", ...rest } = JSON.parse(line.toString());
    const isText = typeof json === "string" && typeof checkpoint === "string";
    const isLeaf = isText && /^[0-9a-f]{64}$/.test(leaf_hash) && Object.keys(rest).length === 0;
    return isLeaf ? [{ json, hash: leaf_hash, checkpoint }] : refused;
  } catch {
    return refused;
  }
}

describe("the lines of an exported ledger", () => {
  it.each<[string, LedgerLeaf]>([
    ["plain", { json, leafHash }],
    ["with a checkpoint", { json, leafHash, checkpoint: "a\n1\nx=\n\n— a y=\n" }],
    ["with letters beyond ASCII", { json: canonicalJson({ a: "Größe 😀" }), leafHash }],
    ["empty", { json: "", leafHash }],
  ])("are read as they were written: %s", (_, leaf) => {
    const line = { json: leaf.json, hash: "a5".repeat(32), checkpoint: leaf.checkpoint ?? "" };
    expect(read(`${leafLine(leaf)}\n`)).toEqual([line]);
    expect(read(`${leafLine(leaf)}\n`.repeat(3))).toEqual([line, line, line]);
  });

  it("are read by bytes where they are plain", () => {
    const leaves = leavesOn(Buffer.from(`${leafLine({ json, leafHash })}\n`), 0, 1);
    expect(leaves[0]?.json).toBeInstanceOf(Uint8Array);
  });

  it("are refused with the number of the first that is none", () => {
    const line = leafLine({ json, leafHash });
    expect(read(`${line}\n${line}\n\n${line}\n`)).toContain("line 3 is not");
    expect(read(`${line}\n${line}}\n`)).toContain("line 2 is not");
    expect(read(`${line}\n${line.slice(0, 40)}\n`)).toContain("line 2 is not");
    expect(read(`${line}${line}\n`)).toContain("line 1 is not");
    expect(read(`${line.replace("a5", "A5")}\n`)).toContain("line 1 is not");
    expect(read(`${line.replace('"json"', '"other":1,"json"')}\n`)).toContain("line 1 is not");
  });

  it("say what the whole line says as JSON, however it was changed", () => {
    const checkpoint = "a\n1\nx=\n\n— a y=\n";
    const lines = [leafLine({ json, leafHash }), leafLine({ json, leafHash, checkpoint })];
    const put = ["", '"', "\\", "\\u0041", "}", "{", ",", " ", "a", "0", "\u0001", "é", "\ud800"];
    const pieces = [...put, '"}', '","checkpoint":"', ',"checkpoint":1', ',"x":1', "\r", "\t"].map(
      (it) => Buffer.from(it),
    );
    pieces.push(Buffer.of(0xff), Buffer.of(0xc3), Buffer.of(0x7f));
    const change = fc.record({
      place: fc.nat(300),
      removed: fc.nat(3),
      put: fc.constantFrom(...pieces),
    });
    const changes = fc.array(change, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.constantFrom(...lines), changes, (line, changes) => {
        const changed = changes.reduce(
          (it, { place, removed, put }) =>
            Buffer.concat([it.subarray(0, place), put, it.subarray(place + removed)]),
          Buffer.from(line),
        );
        expect(read(Buffer.concat([changed, Buffer.from("\n")]))).toEqual(expected(changed));
      }),
      { numRuns: 20_000 },
    );
  });
});
