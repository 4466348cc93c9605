import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compileWorkflow } from "../../src/workflow/compile.ts";
import { checkSources } from "../../src/workflow/workflow.ts";

/** Every key that the outline of the language has, in one workflow, with what it names. */
const text = readFileSync(new URL("./outline.yaml", import.meta.url), "utf8");

describe("the outline of the language", () => {
  it("is accepted as it stands, and compiles", () => {
    const { resources, problems } = checkSources([{ path: "outline.yaml", text }], () => true);
    expect(problems).toEqual([]);
    const found = resources.find((it) => it.kind === "workflow");
    if (found?.kind !== "workflow") throw new Error("no workflow");
    const { steps, phases, triggers } = compileWorkflow(found.definition);
    expect([...steps.values()].map(({ kind }) => kind)).toEqual([
      "script",
      "agent",
      "call",
      "approve",
      "publish",
      "run",
    ]);
    expect(phases.finally).toEqual(["note"]);
    expect([triggers.mqtt.length, triggers.webhook.length]).toEqual([1, 1]);
  });
});
