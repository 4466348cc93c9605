import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSources, root, trackedFiles } from "./sources.ts";

const topLevel = new Set(
  "package.json proto coordinator node-agent deploy gateway test README.md ARCHITECTURE.md SECURITY.md LICENSE .ci .gitignore .npmrc package-lock.json tsconfig.json biome.json vitest.config.ts".split(
    " ",
  ),
);

describe("files", () => {
  it("at the top are the ones that the architecture names", () => {
    const strangers = trackedFiles(/./).filter(
      (path) => !topLevel.has(path.split("/")[0] as string),
    );
    expect(strangers).toEqual([]);
  });

  it("hold one concept: none has more than 400 lines", () => {
    const long = trackedFiles(/\.(?:ts|mjs|c|h)$/)
      .filter((path) => !path.startsWith("proto/gen/"))
      .map((path) => ({ path, lines: readFileSync(join(root, path), "utf8").split("\n").length }))
      .filter(({ lines }) => lines > 400);
    expect(long).toEqual([]);
  });

  it("keep no note to finish later, and silence no check without saying why", () => {
    // Spelt apart, so that this file does not find itself.
    const leftOver = new RegExp(
      ["TO" + "DO", "FIX" + "ME", "X" + "XX", "@ts-" + "ignore", "@ts-" + "nocheck"].join("|"),
    );
    const found = readSources().filter(({ text }) => leftOver.test(text));
    expect(found.map(({ path }) => path)).toEqual([]);
  });

  it("skip no test", () => {
    const narrowed = readSources().filter(
      ({ path, text }) =>
        /\.test\.ts$/.test(path) && /\b(?:it|test|describe)\.(?:skip|only|todo)\b/.test(text),
    );
    expect(narrowed.map(({ path }) => path)).toEqual([]);
  });

  it("give every package a README", () => {
    const readmes = trackedFiles(/README\.md$/);
    for (const name of ["proto", "coordinator", "node-agent", "gateway", "deploy", "test"]) {
      expect(readmes).toContain(`${name}/README.md`);
    }
  });
});
