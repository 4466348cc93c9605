import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exportFromFile } from "../console/cli/commands/ledger-export.ts";
import { leafLine } from "../console/cli/commands/ledger-lines.ts";
import { newFolder } from "./kit/cohort.ts";

const head = JSON.stringify({ checkpoint: "c", verifier_key: "k" });
const leafHash = Buffer.alloc(32, 1);

async function read(text: string): Promise<string[]> {
  const file = join(newFolder(), "ledger.jsonl");
  writeFileSync(file, text);
  const { checkpoint, verifierKey, chunks } = await exportFromFile(file);
  expect([checkpoint, verifierKey]).toEqual(["c", "k"]);
  const texts: string[] = [];
  for await (const leaves of chunks) {
    for (const { json } of leaves) texts.push(Buffer.from(json).toString());
  }
  return texts;
}

describe("the file of an exported ledger", () => {
  const long = 3 * 1024 * 1024;
  const texts = ["first", "x".repeat(long), "é".repeat(long), ...Array(20_000).fill("short")];
  const lines = [head, ...texts.map((json) => leafLine({ json, leafHash }))];

  it("may be longer than what is read at once, and so may its lines", async () => {
    expect(await read(`${lines.join("\n")}\n`)).toEqual(texts);
  });

  it("may lack its last line break", async () => {
    expect(await read(lines.join("\n"))).toEqual(texts);
    expect(await read(head)).toEqual([]);
  });

  it("is refused by the number of the line that is none, wherever that stands", async () => {
    const broken = lines.with(15_000, "{}").join("\n");
    await expect(read(broken)).rejects.toThrow("line 15001 is not that of a ledger export");
    await expect(read("")).rejects.toThrow("line 1 is not");
    await expect(read("{}\n")).rejects.toThrow("line 1 is not");
  });
});
