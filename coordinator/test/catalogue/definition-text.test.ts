import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { resourceSchemas } from "@cohort/proto/resources/resources";
import { describe, expect, it } from "vitest";
import { definitionText } from "../../src/catalogue/definition-text.ts";
import { checkSources } from "../../src/workflow/workflow.ts";

const examples = resolve(import.meta.dirname, "../../../proto/docs/examples");

function stored(text: string) {
  const { resources, problems } = checkSources([{ path: "f.yaml", text }], () => true);
  expect(problems).toEqual([]);
  return resources.map(({ kind, definition }) => ({
    kind,
    name: definition.name,
    version: "",
    definitionJson: canonicalJson(definition),
  }));
}

const again = (text: string) => stored(text).map(definitionText).join("---\n");

describe("the text of a definition", () => {
  it.each(Object.keys(resourceSchemas))(
    "reads back as the same, for the example of kind %s",
    (kind) => {
      const text = readFileSync(join(examples, `${kind}.yaml`), "utf8");
      expect(stored(again(text))).toEqual(stored(text));
    },
  );

  it("is what a person would write: units, and nothing that is the default anyway", () => {
    const text = `kind: workflow
name: w
timeout: 1h30m
budget: 0.20 USD
steps:
  - id: a
    nodes: { count: 1, select: node.name == "b" }
    run: |
      echo one
      echo two
    env: {}
    limits: { memory: 128MiB, pids: 64 }
    timeout: 600s
    retry: { limit: 2, delay: 0s }
finally: []
`;
    expect(again(text)).toBe(`kind: workflow
name: w
timeout: 1h30m
budget: 0.20 USD
steps:
  - id: a
    nodes:
      select: node.name == "b"
    run: |
      echo one
      echo two
    limits:
      memory: 128MiB
    retry:
      limit: 2
`);
  });

  it("keeps what a default would change: texts that look like something else, empty lists inside values", () => {
    const text = `kind: workflow
name: w
steps:
  - id: a
    run: x
    with: { a: "1", b: yes, c: [], d: null, e: "null", f: { pids: 64 }, g: "a: b #c" }
`;
    expect(stored(again(text))).toEqual(stored(text));
    expect(again(text)).toContain('a: "1"');
  });

  it("is still to be had of a definition that lacks what the schema has now", () => {
    const it = {
      kind: "workflow",
      name: "w",
      version: "",
      definitionJson: '{"kind":"workflow","name":"w"}',
    };
    expect(definitionText(it)).toBe("kind: workflow\nname: w\n");
  });

  it("writes an equal part that occurs twice out twice, without an alias", () => {
    const text = `kind: workflow
name: w
steps:
  - { id: a, run: x, nodes: { count: 2 } }
  - { id: b, run: x, nodes: { count: 2 } }
`;
    expect(again(text)).not.toMatch(/[&*]a\d/);
  });

  it("holds the certificates that a service trusts, and takes them back", () => {
    const ca = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const text = `kind: service
name: s
base_url: https://s.example.com
auth: { type: none }
allow: [{ methods: [GET], path: / }]
ca_file: ca.pem
`;
    const { resources } = checkSources(
      [
        { path: "d/s.yaml", text },
        { path: "d/ca.pem", text: ca },
      ],
      () => true,
    );
    const [{ kind, definition }] = resources as unknown as [(typeof resources)[number]];
    const it = { kind, name: "s", version: "", definitionJson: canonicalJson(definition) };
    expect(definitionText(it)).toContain("ca: |\n  -----BEGIN CERTIFICATE-----\n  AAAA\n");
    expect(stored(definitionText(it))[0]?.definitionJson).toBe(it.definitionJson);
  });
});
