import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { npmParts, ownPart, sourcePart } from "../parts.mjs";
import { billOfMaterials } from "../sbom.mjs";

const hash = (digit: string) => digit.repeat(64);
const description = `-----BEGIN PGP SIGNED MESSAGE-----

Source: quickjs
Version: 2025.04.26-1
Checksums-Sha256:
 ${hash("a")} 580408 quickjs_2025.04.26.orig.tar.xz
 ${hash("b")} 3396 quickjs_2025.04.26-1.debian.tar.xz
Files:
 807a286cc5d44ad8cc8e14b5034640b4 580408 quickjs_2025.04.26.orig.tar.xz
`;

it("a source package's part has its version, upstream's hash, and both archives", () => {
  expect(sourcePart(description)).toEqual({
    name: "quickjs",
    version: "2025.04.26-1",
    purl: "pkg:deb/debian/quickjs@2025.04.26-1?arch=source",
    hash: { alg: "SHA-256", content: hash("a") },
    files: [
      { file: "quickjs_2025.04.26.orig.tar.xz", sha256: hash("a") },
      { file: "quickjs_2025.04.26-1.debian.tar.xz", sha256: hash("b") },
    ],
  });
});

it("a description without upstream's archive is refused", () => {
  expect(() => sourcePart("Source: x\nVersion: 1\n")).toThrow("no description of x");
});

const lock = JSON.stringify({
  packages: { "node_modules/@a/b": { version: "1.2.3", integrity: "sha512-AQID" } },
});

it("npm's parts are the packages that were bundled, once each", () => {
  const inputs = [
    "node-agent/src/main.ts",
    "../x/node_modules/@a/b/c.js",
    "node_modules/@a/b/d.js",
  ];
  expect(npmParts(inputs, lock)).toEqual([
    {
      name: "@a/b",
      version: "1.2.3",
      purl: "pkg:npm/%40a/b@1.2.3",
      hash: { alg: "SHA-512", content: "010203" },
    },
  ]);
});

it("a bundled package that the lock file does not pin is refused", () => {
  expect(() => npmParts(["node_modules/c/c.js"], lock)).toThrow("no SHA-512 of c");
});

it("our own part changes with a source, and not with a test or the folder", () => {
  const first = checkout("one");
  const second = checkout("one");
  writeFileSync(join(second, "src/test/a.test.ts"), "changed");
  const of = (folder: string) => ownPart("own", "1", folder, ["src"]).hash.content;
  expect(of(second)).toBe(of(first));
  expect(of(checkout("two"))).not.toBe(of(first));
});

function checkout(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "cohort-parts-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "src/test"), { recursive: true });
  writeFileSync(join(folder, "src/a.ts"), text);
  writeFileSync(join(folder, "src/test/a.test.ts"), "test");
  return folder;
}

it("a bill lists its parts by name, whatever their order, and bears no time", () => {
  const binary = { version: "1", arch: "riscv64", sha256: hash("c"), compiler: "gcc 14" };
  const parts = npmParts(["node_modules/@a/b/c.js"], lock).concat(sourcePart(description));
  const text = billOfMaterials(binary, parts);
  expect(billOfMaterials(binary, parts.toReversed())).toBe(text);
  const bill = JSON.parse(text);
  expect(bill.components.map(({ name }: { name: string }) => name)).toEqual(["@a/b", "quickjs"]);
  expect(bill.serialNumber ?? bill.metadata.timestamp).toBeUndefined();
});
