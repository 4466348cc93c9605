import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { jsonSchemaOf } from "@cohort/proto/resources/json-schema";
import { type ResourceKind, resourceSchemas } from "@cohort/proto/resources/resources";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { checkSources } from "../../src/workflow/workflow.ts";
import { fitsJsonSchema } from "./json-schema-validator.ts";

const repository = resolve(import.meta.dirname, "../../..");
const folders = ["deploy/examples/factory", "proto/docs/examples"];
const files = folders.flatMap((folder) =>
  readdirSync(join(repository, folder))
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => ({
      path: `${folder}/${name}`,
      text: readFileSync(join(repository, folder, name), "utf8"),
    })),
);

const valid = (text: string, kind: ResourceKind | null = null) =>
  parseAllDocuments(text).every((document) => fitsJsonSchema(jsonSchemaOf(kind), document.toJS()));

const workflow = (rest: string) => `kind: workflow\nname: w\n${rest}`;

describe("the JSON Schema", () => {
  it("is of the draft that editors know", () => {
    expect(jsonSchemaOf(null).$schema).toBe("https://json-schema.org/draft/2020-12/schema");
  });

  it.each(files)("takes $path", ({ text }) => {
    expect(valid(text)).toBe(true);
  });

  it.each(Object.keys(resourceSchemas) as ResourceKind[])("takes kind %s alone", (kind) => {
    const { text } = files.find(({ path }) => path.endsWith(`examples/${kind}.yaml`)) ?? {
      text: "",
    };
    expect(valid(text, kind)).toBe(true);
    expect(valid("kind: other\nname: x\n", kind)).toBe(false);
  });

  it.each([
    ["no kind", "name: w\nsteps: [{ id: a, run: x }]"],
    ["an unknown kind", "kind: workflw\nname: w\nsteps: [{ id: a, run: x }]"],
    ["no steps", workflow("steps: []")],
    ["an unknown key", workflow("stepz: []\nsteps: [{ id: a, run: x }]")],
    ["an unknown key of a step", workflow("steps: [{ id: a, run: x, dependz: [b] }]")],
    ["a step that does nothing", workflow("steps: [{ id: a }]")],
    ["a step that does two things", workflow("steps: [{ id: a, run: x, command: [y] }]")],
    ["a name in upper case", "kind: workflow\nname: W\nsteps: [{ id: a, run: x }]"],
    ["a duration without a unit", workflow("timeout: 10\nsteps: [{ id: a, run: x }]")],
    ["a size in words", workflow("steps: [{ id: a, run: x, limits: { memory: much } }]")],
    ["money of another currency", workflow("budget: 1.00 EUR\nsteps: [{ id: a, run: x }]")],
    ["a number beyond its limit", workflow("steps: [{ id: a, run: x, priority: 10 }]")],
    ["an unknown architecture", workflow("steps: [{ id: a, run: x, requires: { arch: z80 } }]")],
    ["a retry without a limit", workflow("steps: [{ id: a, run: x, retry: { delay: 1s } }]")],
    ["an unknown error code", workflow("steps: [{ id: a, run: x, retry: { limit: 1, on: [X] } }]")],
  ])("refuses %s, as apply does", (_, text) => {
    expect(valid(text)).toBe(false);
    const { problems } = checkSources([{ path: "f.yaml", text }], () => true);
    expect(problems).not.toEqual([]);
  });

  it("takes an expression where a list may be given by one", () => {
    expect(valid(workflow('steps: [{ id: a, run: x, for_each: "${{ inputs.all }}" }]'))).toBe(true);
  });
});

describe("the examples of the documentation", () => {
  it("pass every check", () => {
    const examples = files.filter(({ path }) => path.startsWith("proto/docs"));
    expect(checkSources(examples, () => false).problems).toEqual([]);
  });

  it("and so do those of the front page", () => {
    const page = readFileSync(join(repository, "README.md"), "utf8");
    const blocks = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text as string);
    expect(blocks).not.toEqual([]);
    for (const text of blocks) {
      expect(checkSources([{ path: "README.yaml", text }], () => true).problems).toEqual([]);
      expect(valid(text)).toBe(true);
    }
  });
});
