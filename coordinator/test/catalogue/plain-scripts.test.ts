import { CohortError, type Problem } from "@cohort/proto/problem";
import { describe, expect, it } from "vitest";
import { catalogueWriter } from "./catalogue-writer.ts";

const withScript = (script: string) => `kind: workflow
name: w
steps:
  - id: a
    script: ${script}
`;
const block = (...lines: string[]) =>
  withScript(`|\n${lines.map((line) => (line === "" ? "" : `      ${line}`)).join("\n")}`);

async function problemsOf(text: string): Promise<readonly Problem[]> {
  try {
    await catalogueWriter().apply(text);
    return [];
  } catch (error) {
    if (error instanceof CohortError) return error.problems;
    throw error;
  }
}

describe("a script that is applied", () => {
  it("loses its types, and nothing else", async () => {
    const { apply, recorded } = catalogueWriter();
    await apply(
      block(
        "interface Reading { rms: number }",
        "export default async ({ device }: { device: any }): Promise<Reading> =>",
        "  (await device.iio('accel0').read()) as Reading;",
      ),
    );
    const [event] = recorded.map((it) => it.event);
    const resources = event?.$case === "resourcesApplied" ? event.value.resources : [];
    const { script } = JSON.parse(resources[0]?.definitionJson ?? "").steps[0];
    expect(script).not.toMatch(/interface|Promise|any|as Reading/);
    expect(script).toContain('device.iio("accel0").read()');
  });

  it("that does not parse is refused at its line and column in the file", async () => {
    const text = block("", "export default () => {", "  const ä = ;", "};");
    expect(await problemsOf(text)).toMatchObject([
      { code: "SCRIPT_SYNTAX", file: "f.yaml", line: 8, column: 19, message: 'Unexpected ";"' },
    ]);
    const [problem] = await problemsOf(text);
    expect(problem?.excerpt).toBe("        const ä = ;\n                  ^");
  });

  it("that is no block of its own says where in it the fault is", async () => {
    expect(await problemsOf(withScript('"export default () =>\\n  ;"'))).toMatchObject([
      { line: 5, column: 13, message: expect.stringMatching(/\(line 2, column 3 of the text\)$/) },
    ]);
    expect(await problemsOf(withScript("|2\n        export default (;"))).toMatchObject([
      { line: 5, message: expect.stringMatching(/of the text\)$/) },
    ]);
  });

  it("that imports anything is refused, each import at its place", async () => {
    const problems = await problemsOf(
      block(
        'import { x } from "std";',
        'export * from "./other.js";',
        'export default async () => [x, await import("os"), require("fs")];',
      ),
    );
    expect(problems.map(({ code, line, column }) => [code, line, column])).toEqual([
      ["SCRIPT_SYNTAX", 6, 25],
      ["SCRIPT_SYNTAX", 7, 21],
      ["SCRIPT_SYNTAX", 8, 51],
      ["SCRIPT_SYNTAX", 8, 66],
    ]);
    expect(problems[0]?.message).toBe('a script has no modules: "std" cannot be imported');
  });

  it("may import types, and speak of imports", async () => {
    expect(
      await problemsOf(
        block(
          'import type { Reading } from "./types.ts";',
          'export default (): Reading => ({ from: "import", require: 1 }) as Reading;',
        ),
      ),
    ).toEqual([]);
  });

  it("has all that is wrong with any of them told at once", async () => {
    const text = `${block("export default (;")}  - { id: b, script: "import 'x'; export default 1" }\n`;
    expect((await problemsOf(text)).map(({ line }) => line)).toEqual([6, 7]);
  });
});
