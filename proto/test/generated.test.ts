import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { catalogueServices } from "../src/catalogue/catalogue.ts";

const proto = resolve(import.meta.dirname, "..");

function readFolder(folder: string): Record<string, string> {
  const names = readdirSync(folder).sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

describe("generated code", () => {
  it("is what the .proto files generate now", () => {
    const copy = mkdtempSync(join(tmpdir(), "cohort-proto-"));
    try {
      // The plug-in is named relative to the repository's root.
      symlinkSync(resolve(proto, "../node_modules"), join(copy, "node_modules"));
      const inside = join(copy, "proto");
      for (const name of ["cohort", "buf.yaml", "buf.gen.yaml"]) {
        cpSync(join(proto, name), join(inside, name), { recursive: true });
      }
      execFileSync(join(copy, "node_modules/.bin/buf"), ["generate"], { cwd: inside });
      const again = readFolder(join(inside, "gen/cohort"));
      expect(again).toEqual(readFolder(join(proto, "gen/cohort")));
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });

  it("is the catalogue of services as its files have it now", () => {
    const files = Object.entries(readFolder(join(proto, "catalogue")));
    const collected = Object.entries(catalogueServices).map(([name, { yaml }]) => [
      `${name}.yaml`,
      yaml,
    ]);
    expect(collected).toEqual(files);
  });

  it("and what surrounds it bundles for QuickJS: no Node module, no dynamic code", async () => {
    const contents = [
      "gen/cohort/node",
      "errors",
      "expression",
      "join-token",
      "ledger/verify",
      "limits",
      "problem",
      "proof",
      "quantity",
      "resources/resources",
      "roles",
      "subjects",
    ].map((name) => `export * as ${name.replace(/\W/g, "_")} from "@cohort/proto/${name}";`);
    const result = await build({
      stdin: { contents: contents.join("\n"), resolveDir: proto },
      bundle: true,
      write: false,
      platform: "neutral",
      format: "esm",
      mainFields: ["module", "main"],
      conditions: ["import"],
      logLevel: "silent",
    });
    const text = result.outputFiles[0]?.text ?? "";
    expect(text.length).toBeGreaterThan(10_000);
    expect(text).not.toMatch(/\brequire\(|from "node:/);
  });
});
