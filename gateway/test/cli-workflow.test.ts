import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { GraphReply } from "@cohort/proto/gen/cohort/console";
import { describe, expect, it } from "vitest";
import { useCli } from "./kit/cli.ts";
import { newFolder } from "./kit/cohort.ts";

const cli = useCli();
const { run } = cli;

const updated = {
  kind: "workflow",
  name: "press",
  version: "abcdef0123456789",
  change: "updated",
  before: "a: 1\nb: 2\nc: 3\n",
  after: "a: 1\nb: 5\nc: 3\n",
};
const diff =
  "--- workflow/press\n+++ workflow/press\n@@ -1,3 +1,3 @@\n a: 1\n-b: 2\n+b: 5\n c: 3\n";

function folder(): string {
  const directory = newFolder();
  writeFileSync(join(directory, "w.yaml"), "kind: workflow");
  return directory;
}

describe("cohort workflow", () => {
  it("validate asks for a dry run, and changes nothing", async () => {
    cli.fake.handlers["Resources.apply"] = ({ dryRun }: { dryRun: boolean }) => ({
      changes: dryRun ? [updated] : [],
    });
    const { status, stdout } = await run(["workflow", "validate", "-f", "."], {
      directory: folder(),
    });
    expect([status, stdout]).toEqual([0, "workflow/press is valid\n"]);
  });

  it("history lists versions, the current one first", async () => {
    cli.fake.handlers["Resources.history"] = () => ({
      applications: [
        { version: "b".repeat(64), appliedMs: 2000, actor: "ann" },
        { version: "a".repeat(64), appliedMs: 1000, actor: "bob" },
      ],
    });
    const { stdout } = await run(["workflow", "history", "press"]);
    expect(stdout).toMatch(
      /^VERSION +APPLIED +BY\nbbbbbbbbbbbb .* ann +current\naaaaaaaaaaaa .* bob\n$/,
    );
  });

  it("show prints YAML, of a version where one is named, with nothing for the terminal in it", async () => {
    cli.fake.handlers["Resources.show"] = () => ({
      kind: "workflow",
      name: "press",
      version: "a1",
      yaml: "kind: workflow\ndescription: \u001b[31m\n",
    });
    const { stdout } = await run(["workflow", "show", "press@a1"]);
    expect(stdout).toBe("kind: workflow\ndescription: \\x1b[31m\n");
    expect(cli.fake.requests[0]?.request).toMatchObject({ name: "press", version: "a1" });
  });

  it("rollback shows what changed, and which version stands now", async () => {
    cli.fake.handlers["Resources.rollback"] = () => updated;
    const { stdout } = await run(["workflow", "rollback", "press", "--to", "abc"]);
    expect(stdout).toBe(`${diff}\npress is at abcdef012345 now\n`);
    expect(cli.fake.requests[0]?.request).toMatchObject({ name: "press", version: "abc" });
  });

  it("graph draws for a terminal, or as Mermaid", async () => {
    const reply = GraphReply.fromPartial({
      workflow: "press",
      steps: [
        { step: "a", phase: "steps", kind: "run" },
        { step: "b", phase: "steps", kind: "call", depends: ["a"], condition: "x > 1" },
      ],
    });
    cli.fake.handlers["Resources.graph"] = () => reply;
    const text = await run(["workflow", "graph", "press"]);
    expect(text.stdout).toMatch(
      /^STEP +KIND +INSTANCES +AFTER +IF\nsteps\n {2}a +run\n {4}b +call +a +x > 1\n$/,
    );
    const drawn = await run(["workflow", "graph", "press", "--format", "mermaid"]);
    expect(drawn.stdout).toContain("flowchart TD\n");
  });
});
