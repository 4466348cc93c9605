import { describe, expect, it } from "vitest";
import { graphOfFiles, graphOfVersion } from "../../src/catalogue/graph-view.ts";
import { catalogueWriter, workflow } from "./catalogue-writer.ts";

const text = `kind: workflow
name: w
steps:
  - { id: a, run: x, nodes: { count: all } }
  - { id: b, run: x, for_each: [1, 2] }
  - { id: c, sleep: 1s, depends: "a && b.failed", if: "\${{ run.failed }}" }
  - { id: d, run: x, depends: [a, c], matrix: { os: [x], arch: [y] } }
finally:
  - { id: e, run: x, nodes: { count: 3 } }
`;

describe("the graph of a workflow", () => {
  it("says of each step where it stands, what it waits for, and what makes it many", async () => {
    const { writer } = catalogueWriter();
    const { steps } = graphOfFiles(writer.state.catalogue, [{ path: "f.yaml", text }], "");
    expect(steps).toEqual([
      step("a", { instances: "all nodes" }),
      step("b", { instances: "for_each" }),
      step("c", {
        kind: "sleep",
        depends: ["a", "b"],
        dependsCondition: "a && b.failed",
        condition: "${{ run.failed }}",
      }),
      step("d", { depends: ["a", "c"], instances: "matrix of os, arch" }),
      step("e", { phase: "finally", instances: "3 nodes" }),
    ]);
  });

  it("is that of a version", async () => {
    const { writer, apply } = catalogueWriter();
    const [first] = await apply(workflow("one"));
    await apply(text);
    const { catalogue } = writer.state;
    expect(graphOfVersion(catalogue, "w", "").steps).toHaveLength(5);
    expect(graphOfVersion(catalogue, "w", first?.version.slice(0, 8) ?? "").steps).toHaveLength(1);
  });

  it("of files is refused with every problem that they have, and where it is not clear whose", () => {
    const { writer } = catalogueWriter();
    const of = (text: string, name = "") =>
      graphOfFiles(writer.state.catalogue, [{ path: "f.yaml", text }], name);
    expect(() => of("kind: workflow\nname: W\nsteps: [{ id: a }]")).toThrow(
      expect.objectContaining({ problems: [expect.anything(), expect.anything()] }),
    );
    const two = `${text}---\n${text.replace("name: w", "name: v")}`;
    expect(() => of(two)).toThrow(/more than one workflow/);
    expect(of(two, "v").workflow).toBe("v");
    expect(() => of(two, "u")).toThrow(/no such workflow/);
  });
});

function step(id: string, rest: object) {
  const none = { depends: [], dependsCondition: "", condition: "", instances: "" };
  return { step: id, phase: "steps", kind: "run", ...none, ...rest };
}
