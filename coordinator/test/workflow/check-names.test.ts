import { describe, expect, it } from "vitest";
import { checkSources } from "../../src/workflow/workflow.ts";
import { catalogueWriter } from "../catalogue/catalogue-writer.ts";

const service = (name: string) => `kind: service
name: ${name}
base_url: https://a.example.com
auth: { type: none }
allow: [{ methods: [POST], path: "/**" }]
`;
const agentWith = (...tools: string[]) => `${service("models")}---
kind: agent
name: helper
service: models
model: small
instructions: Be brief.
tools:
${tools
  .map((it) => `  - { name: ${it}, description: Does it., call: { service: models, path: / } }`)
  .join("\n")}
`;
const problems = (text: string) =>
  checkSources([{ path: "a.yaml", text }], () => false).problems.map(
    ({ code, message }) => `${code} ${message}`,
  );

describe("names that can be taken for one another (94)", () => {
  it.each([
    ["desk-1", "desk-l"],
    ["mode0", "modeo"],
    ["modern", "modem"],
    ["vvatch", "watch"],
    ["cloud", "doud"],
  ])("are refused together: %s and %s", (a, b) => {
    expect(problems(`${service(a)}---\n${service(b)}`)).toEqual([
      `NAME_CONFUSABLE ${b} can be taken for the service ${a}`,
    ]);
  });

  it("are refused beside one that stands, which itself may be changed", async () => {
    const { apply } = catalogueWriter();
    await apply(service("desk-1"));
    await expect(apply(service("desk-l"))).rejects.toThrow("can be taken for the service desk-1");
    await apply(service("desk-1").replace("a.example", "b.example"));
  });

  it("are refused as an agent's tools, whatever their case", () => {
    for (const [a, b] of [
      ["lookup", "Iookup"],
      ["pay_0", "pay_O"],
      ["Pay", "pay"],
    ] as const) {
      expect(problems(agentWith(a, b))).toEqual([
        `NAME_CONFUSABLE ${b} can be taken for the tool ${a}`,
      ]);
    }
    expect(problems(agentWith("lookup", "look_up"))).toEqual([]);
  });

  it("are no matter between kinds", () => {
    expect(problems(`${service("helper")}---\n${agentWith()}`.replace("tools:\n\n", ""))).toEqual(
      [],
    );
  });
});

describe("names that Unicode would change or hide something in (90-96)", () => {
  it.each([
    ["full-width letters (96)", "ｄｅｓｋ"],
    ["a ligature (96)", "o\ufb03ce"],
    ["a superscript (96)", "desk²"],
    ["the Kelvin sign (96)", "des\u212a"],
    ["a letter of another script", "d\u0435sk"],
    ["a tag (90)", '"desk\u{e0041}"'],
    ["a zero-width space (92)", '"de\u200bsk"'],
    ["a variation selector (93)", '"desk\ufe0f"'],
    ["a bidirectional override (91)", '"\\u202Eksed"'],
    ["half a character (95)", '"desk\\uD800"'],
  ])("are refused: %s", (_, name) => {
    expect(problems(service(name)).length).toBeGreaterThan(0);
    expect(problems(agentWith(name)).length).toBeGreaterThan(0);
  });
});
