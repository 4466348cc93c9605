import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { searchMemory } from "../kit/process-memory.ts";
import { searchBytes, searchFiles, spellingsOf } from "../kit/secret-search.ts";

/** The hunt in key-hunt.test.ts finds nothing; here it is shown that it would. */
const decoy = randomBytes(32).toString("base64url");
const spellings = spellingsOf(decoy);
const folder = mkdtempSync(join(tmpdir(), "cohort-decoy-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Keeps what it is told, for as long as it lives. */
const keeper = `
  const kept = [];
  process.stdin.on("data", (it) => kept.push(it)).on("end", () => console.log("kept"));
  setInterval(() => kept, 1e6);
`;

describe("the search for a secret", () => {
  it("finds what programs make of it", () => {
    const hex = Buffer.from(decoy).toString("hex");
    const found = (text: string) => searchBytes(Buffer.from(text), spellings);
    expect(found(`authorization: Bearer ${decoy}\r\n`)).toContain("raw");
    expect(found(`{"key":"${hex}"}`)).toContain("hex");
    expect(found(hex.toUpperCase())).toContain("hex, upper case");
    for (const before of ["", "x", "xy", "xyz", "user:"]) {
      const encoded = Buffer.from(`${before}${decoy}; and more`);
      expect(found(encoded.toString("base64")).join()).toMatch(/base64, shifted/);
      expect(found(encoded.toString("base64url")).join()).toMatch(/base64url, shifted/);
    }
    expect(found(`cut: ${decoy.slice(0, 30)}`)).toEqual(["first half"]);
    expect(found(`cut: ${decoy.slice(15)}`)).toEqual(["second half"]);
    expect(found(randomBytes(100_000).toString("base64"))).toEqual([]);
  });

  it("finds every spelling in files, however deep, and in their names", () => {
    const deep = join(folder, "a/b/c");
    mkdirSync(deep, { recursive: true });
    for (const [at, { bytes }] of spellings.entries()) {
      const around = randomBytes(70_000);
      writeFileSync(join(deep, `${at}`), Buffer.concat([around, bytes, around]));
    }
    writeFileSync(join(folder, `key-${decoy}`), "");
    const found = searchFiles(folder, spellings);
    expect(found).toContain(`key-${decoy}: raw`);
    for (const [at, { name }] of spellings.entries()) {
      expect(found).toContain(`a/b/c/${at}: ${name}`);
    }
  });

  it("finds every spelling in another process's memory, once it is there", async () => {
    const child = spawn(process.execPath, ["-e", keeper]);
    try {
      const before = searchMemory(child.pid ?? 0, spellings);
      expect(before.found).toEqual([]);
      child.stdin.end(Buffer.concat(spellings.flatMap(({ bytes }) => [bytes, Buffer.alloc(64)])));
      await once(child.stdout, "data");
      const { found, bytesRead } = searchMemory(child.pid ?? 0, spellings);
      expect(found.toSorted()).toEqual(spellings.map(({ name }) => name).toSorted());
      expect(bytesRead).toBeGreaterThan(10_000_000);
    } finally {
      child.kill("SIGKILL");
      await once(child, "close");
    }
  });
});
