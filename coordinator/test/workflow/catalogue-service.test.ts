import { catalogueServices } from "@cohort/proto/catalogue/catalogue";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { jsonSchemaOf } from "@cohort/proto/resources/json-schema";
import type { Service } from "@cohort/proto/resources/service";
import { describe, expect, it } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { definitionText } from "../../src/catalogue/definition-text.ts";
import { targetOf } from "../../src/proxy/egress/target.ts";
import { catalogueService } from "../../src/workflow/catalogue-service.ts";
import { checkSources } from "../../src/workflow/workflow.ts";
import { fitsJsonSchema } from "./json-schema-validator.ts";

const check = (text: string) => checkSources([{ path: "s.yaml", text }], () => false);
const names = Object.keys(catalogueServices);

/** As short a definition as the entry lets anybody write, with the examples of what it needs. */
function shortest(name: string): string {
  const needs = catalogueService(name)?.needs ?? {};
  return stringify({ kind: "service", name: `my-${name}`, extends: `catalogue/${name}`, ...needs });
}

describe("the catalogue", () => {
  it("has at least 25 services", () => {
    expect(names.length).toBeGreaterThanOrEqual(25);
  });

  describe.each(names)("%s", (name) => {
    const { resources, problems } = check(shortest(name));
    const definition = resources[0]?.definition as Service;

    it("is whole with what it says that it needs", () => {
      expect(problems).toEqual([]);
      expect(definition).toMatchObject({ kind: "service", name: `my-${name}` });
      expect(definition).not.toHaveProperty("extends");
      expect(definition).not.toHaveProperty("needs");
    });

    it("has the name of its file, a description, and a price or the need of one", () => {
      const { keys, needs } = catalogueService(name) ?? { keys: {}, needs: {} };
      expect(keys["name"]).toBe(name);
      expect(keys["description"]).toMatch(/^[A-Z].*\.$/);
      expect(Object.hasOwn(keys, "pricing")).not.toBe(Object.hasOwn(needs, "pricing"));
      expect(catalogueServices[name]?.needs).toEqual(Object.keys(needs));
    });

    it("says where its facts are from", () => {
      expect(catalogueServices[name]?.yaml).toMatch(/^#.*https:\/\//m);
    });

    it("is at a host by name, by https, where credentials go in as they must", () => {
      expect(targetOf(definition.base_url).isAddress).toBe(false);
      expect(definition.auth.type).not.toBe("none");
      expect((definition.auth as { secret: string }).secret).toMatch(`${name}/`);
    });

    it("allows no call to whatever path by whatever method", () => {
      for (const { methods, path } of definition.allow) {
        expect(path === "/**" && methods.length > 3).toBe(false);
      }
    });

    it("is shown, once applied, as text that means the same", () => {
      const definitionJson = canonicalJson(definition);
      const stored = { kind: "service", name: definition.name, version: "", definitionJson };
      const [again] = check(definitionText(stored)).resources;
      expect(canonicalJson(again?.definition)).toBe(definitionJson);
    });

    it("is taken by editors", () => {
      const [document] = parseAllDocuments(shortest(name));
      expect(fitsJsonSchema(jsonSchemaOf("service"), document?.toJS())).toBe(true);
    });
  });

  it("gives the providers that speak OpenAI's API one definition of what they allow", () => {
    const { allow } = catalogueService("openai-compatible")?.keys ?? {};
    const alike = names
      .filter((it) => catalogueService(it)?.keys["allow"] !== undefined)
      .filter(
        (it) => JSON.stringify(catalogueService(it)?.keys["allow"]) === JSON.stringify(allow),
      );
    expect(alike).toEqual(expect.arrayContaining(["mistral", "groq", "deepseek", "xai", "ollama"]));
  });
});

describe("a service that extends one of the catalogue", () => {
  const jira = "kind: service\nname: tickets\nextends: catalogue/jira\n";
  const auth = "auth: { type: basic, username: a@b.example, secret: tickets/token }\n";

  it("has its own keys instead of the catalogue's, each as a whole", () => {
    const own = `${jira}${auth}base_url: https://acme.atlassian.net\nlimits: { timeout: 5s }\nallow: [{ methods: [GET], path: /x }]\n`;
    const { resources, problems } = check(own);
    expect(problems).toEqual([]);
    expect(resources[0]?.definition).toMatchObject({
      name: "tickets",
      description: "Issues at Jira Cloud.",
      base_url: "https://acme.atlassian.net",
      allow: [{ methods: ["GET"], path: "/x" }],
      pricing: { per_call: 0 },
    });
  });

  it("has the catalogue's name where it gives none", () => {
    const { resources } = check("kind: service\nextends: catalogue/telegram\n");
    expect(resources[0]?.definition.name).toBe("telegram");
  });

  it("is refused without what the catalogue leaves to it, all at once, with examples", () => {
    const { problems } = check(jira);
    expect(problems.map(({ code, message, line }) => [code, message, line])).toEqual([
      ["RESOURCE_INVALID", "`base_url` is missing: catalogue/jira leaves it to you", 3],
      ["RESOURCE_INVALID", "`auth` is missing: catalogue/jira leaves it to you", 3],
    ]);
    expect(problems[0]?.hint).toBe('Such as base_url: "https://YOUR-SITE.atlassian.net"');
  });

  it.each([
    ["catalogue/jirra", "RESOURCE_REFERENCE_UNKNOWN", 'Did you mean "catalogue/jira"?'],
    ["catalogue/constructor", "RESOURCE_REFERENCE_UNKNOWN", ""],
    ["jira", "RESOURCE_INVALID", ""],
    ["catalogue/../jira", "RESOURCE_REFERENCE_UNKNOWN", ""],
    ["[a]", "RESOURCE_INVALID", ""],
    ["", "RESOURCE_INVALID", ""],
  ])("is refused for %s", (named, code, hint) => {
    const { problems } = check(`kind: service\nname: x\nextends: ${named}\n`);
    expect(problems[0]).toMatchObject({ code, ...(hint === "" ? {} : { hint }) });
  });

  it("is refused for a wrong key of its own, where that stands", () => {
    const { problems } = check(`${jira}${auth}base_url: http://acme.example\nalow: []\n`);
    expect(problems.map(({ code, line }) => [code, line])).toEqual(
      expect.arrayContaining([
        ["RESOURCE_INVALID", 5],
        ["RESOURCE_KEY_UNKNOWN", 6],
      ]),
    );
  });

  it("may not say what it needs itself", () => {
    const { problems } = check(
      `${jira}${auth}base_url: https://acme.example\nneeds: { pricing: x }\n`,
    );
    expect(problems.map(({ code }) => code)).toEqual(["RESOURCE_KEY_UNKNOWN"]);
  });
});
