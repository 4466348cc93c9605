import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stepKinds } from "@cohort/proto/resources/workflow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";
import { expectUnchanged } from "../kit/unchanged.ts";

const ofSteps = (...steps: string[]) =>
  ["kind: workflow", "name: lathe", "steps:", ...steps.map((it) => `  - ${it}`), ""].join("\n");

/** Resources that must be refused; `caret` stands where the first problem is. */
const files = [
  {
    what: "malformed YAML",
    text: "kind: workflow\nname: lathe\nsteps: [{ id: a\n",
    says: ":4:1: YAML_SYNTAX ",
  },
  {
    what: "a key that is unknown",
    text: ofSteps("id: a\n    run: uptime\n    tiemout: 3s"),
    says: ':6:5: RESOURCE_KEY_UNKNOWN unknown key "tiemout"',
    excerpt: ["    tiemout: 3s", "    ^"],
    hint: 'Did you mean "timeout"?',
  },
  {
    what: "an unknown kind of resource",
    text: "kind: wrokflow\nname: lathe\n",
    says: ':1:7: RESOURCE_KIND_UNKNOWN unknown kind "wrokflow"',
    excerpt: ["kind: wrokflow", "      ^"],
    hint: 'Did you mean "workflow"?',
  },
  {
    what: "a step of an unknown kind",
    text: ofSteps("id: a\n    exec: uptime"),
    says: ":4:5: STEP_KIND_UNKNOWN the step does not say what it does",
    excerpt: ["  - id: a", "    ^"],
    hint: `Give it exactly one of ${stepKinds.join(", ")}.`,
  },
  {
    what: "steps that wait for one another",
    text: ofSteps("{ id: a, run: w, depends: [b] }", "{ id: b, run: w, depends: [a] }"),
    says: ":4:31: STEP_CYCLE steps wait for one another: a -> b -> a",
    excerpt: ["  - { id: a, run: w, depends: [b] }", "                              ^"],
  },
  {
    what: "a dependency that is not there",
    text: ofSteps("{ id: a, run: w, depends: [z] }"),
    says: ':4:32: STEP_DEPENDS_UNKNOWN no step is called "z"',
  },
  {
    what: "a selector of a property that nodes do not have",
    text: ofSteps("id: a\n    run: w\n    nodes: { select: node.labelz.x == 'y' }"),
    says: ':6:22: SELECTOR_UNKNOWN nodes have no property "labelz"',
    excerpt: ["    nodes: { select: node.labelz.x == 'y' }", "                     ^"],
    hint: 'Did you mean "labels"?',
  },
  {
    what: "an expression inside a shell text",
    text: ofSteps(`id: a\n    run: echo \${{ inputs.x }}`),
    says: ":5:10: EXPRESSION_IN_SCRIPT ",
  },
  {
    what: "a script that does not parse",
    text: ofSteps('id: a\n    script: "export default ("'),
    says: ":5:13: SCRIPT_SYNTAX ",
  },
  {
    what: "a call of a service that is not there",
    text: ofSteps("{ id: a, call: { service: desk, path: / } }"),
    says: ':4:31: RESOURCE_REFERENCE_UNKNOWN no service is called "desk"',
  },
];

describe("bad resources", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.apply([{ path: "lathe.yaml", text: ofSteps("{ id: a, run: uptime }") }]);
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  const write = (name: string, text: string) => {
    const path = join(mesh.home, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };

  it.each(files)("$what is refused with its place in the file", async (it) => {
    const path = write("lathe.yaml", it.text);
    const result = await expectUnchanged(mesh, () => mesh.cohort("apply", "-f", path));
    expect(result).toMatchObject({ exit: 4, stdout: "" });
    expect(result.stderr).toContain(`${path}${it.says}`);
    expect(result.stderr).toMatch(/\n {2}\| .*\n {2}\| *\^\n/);
    const excerpt = (it.excerpt ?? []).map((line) => `  | ${line}\n`).join("");
    expect(result.stderr).toContain(`${excerpt}${it.hint === undefined ? "" : `  ${it.hint}`}`);
  });

  it("one bad file of many changes nothing of the others either", async () => {
    const good = write("good.yaml", ofSteps("{ id: a, run: uptime }").replace("lathe", "good"));
    const bad = write("bad.yaml", ofSteps("{ id: a, rum: uptime }"));
    const argv = ["-o", "json", "apply", "-f", good, bad];
    const result = await expectUnchanged(mesh, () => mesh.cohort(...argv));
    expect(result).toMatchObject({ exit: 4, stdout: "" });
    const { problems } = JSON.parse(result.stderr) as { problems: unknown[] };
    expect(problems).toContainEqual({
      code: "RESOURCE_KEY_UNKNOWN",
      message: 'unknown key "rum"',
      hint: 'Did you mean "run"?',
      file: bad,
      line: 4,
      column: 14,
      excerpt: `  - { id: a, rum: uptime }\n${" ".repeat(13)}^`,
    });
  });
});
