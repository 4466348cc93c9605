import { describe, expect, it } from "vitest";
import { useCli } from "./kit/cli.ts";

const { run } = useCli();

describe("cohort schema", () => {
  it("prints the schema of all kinds, without a coordinator", async () => {
    const { status, stdout } = await run(["schema"]);
    expect(status).toBe(0);
    const { $schema, oneOf } = JSON.parse(stdout);
    expect($schema).toBe("https://json-schema.org/draft/2020-12/schema");
    expect(oneOf.length).toBeGreaterThan(2);
  });

  it("prints that of one kind", async () => {
    const { stdout } = await run(["schema", "budget"]);
    expect(JSON.parse(stdout).properties.kind.const).toBe("budget");
  });

  it("refuses a kind that is none, and says which there are", async () => {
    const { status, stderr } = await run(["schema", "budgets"]);
    expect(status).toBe(2);
    expect(stderr).toContain("workflow, agent, service, budget");
  });
});
