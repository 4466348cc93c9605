import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Environment } from "@marcbachmann/cel-js";
import { describe, expect, it } from "vitest";
import { functionEntries } from "../../src/docs/cel.ts";
import { docPages } from "../../src/docs/docs.ts";
import { anchor } from "../../src/docs/markdown.ts";
import { errors } from "../../src/errors.ts";
import { resourceSchemas } from "../../src/resources/resources.ts";

const examples = join(import.meta.dirname, "../../docs/examples");
const pages = docPages((kind) => readFileSync(join(examples, `${kind}.yaml`), "utf8"));

describe("the documentation", () => {
  it.each(Object.keys(resourceSchemas))("shows an example of kind %s", (kind) => {
    expect(pages.get(`${kind}.md`)).toContain(`\`\`\`yaml\nkind: ${kind}\n`);
  });

  it("links to pages and headings that are there", () => {
    const headings = new Map(
      [...pages].map(([path, text]) => [
        path,
        [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading as string)),
      ]),
    );
    const links = [...pages]
      .filter(([path]) => path.endsWith(".md"))
      .flatMap(([path, text]) =>
        [...text.matchAll(/\]\((?!https:)([^)#]*)(?:#([^)]*))?\)/g)].map(([, to, at]) => ({
          path,
          to: to === "" ? path : (to as string),
          at,
        })),
      );
    expect(links.length).toBeGreaterThan(50);
    const broken = links.filter(
      ({ to, at }) => !pages.has(to) || (at !== undefined && !headings.get(to)?.includes(at)),
    );
    expect(broken).toEqual([]);
  });

  it("gives a mapping that may stand in several places one section", () => {
    expect(pages.get("workflow.md")?.match(/^## .*steps\[\].*$/gm)?.[0]).toBe(
      "## steps[], on_failure[], finally[]",
    );
  });

  it("tells the forms of a mapping apart by the key that does", () => {
    expect(pages.get("service.md")).toContain("\n## auth (type: header)\n");
  });

  it("shows defaults as one would write them, and what must be given", () => {
    const page = pages.get("workflow.md");
    expect(page).toMatch(/^\| `timeout` \| \[duration\]\(.*?\) \| `10m` \|/m);
    expect(page).toMatch(/^\| `id` \| \[name\]\(.*?\) \| \*\*required\*\* \|/m);
    expect(page).toMatch(/^\| `priority` \| integer, 0 to 9 \| `0` \|/m);
  });

  it("lists every error code", () => {
    const listed = [...(pages.get("errors.md") ?? "").matchAll(/^\| `([A-Z_]+)` \|/gm)];
    expect(listed.map(([, code]) => code)).toEqual(Object.keys(errors));
  });

  it("names every function of the expression language, and no other", () => {
    const { functions } = new Environment({ enableOptionalTypes: true }).getDefinitions();
    const known = new Set(functions.map(({ name }) => name));
    const text = functionEntries.flat().join(" ");
    const named = new Set([...text.matchAll(/(\w+)\(/g)].map(([, name]) => name as string));
    expect([...named].filter((name) => !known.has(name))).toEqual([]);
    expect([...known].filter((name) => !named.has(name))).toEqual([]);
  });
});
