import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { docPages } from "@cohort/proto/docs/docs";
import { describe, expect, it } from "vitest";
import { root, trackedFiles } from "./sources.ts";

const folder = join(root, "proto/docs");

function exampleOf(kind: string): string {
  const file = join(folder, "examples", `${kind}.yaml`);
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

describe("proto/docs", () => {
  const pages = docPages(exampleOf);

  it("holds what `npm run docs` makes", () => {
    const made = trackedFiles(/^proto\/docs\/(?!examples\/)/).map((path) =>
      path.slice("proto/docs/".length),
    );
    expect(made.sort()).toEqual([...pages.keys()].sort());
  });

  it.each([...pages])("%s says what the schemas say now: else run `npm run docs`", (path, text) => {
    expect(readFileSync(join(folder, path), "utf8")).toBe(text);
  });
});
