import { describe, expect, it } from "vitest";
import { checkSources } from "../../src/workflow/workflow.ts";

const flow = (judge: string, sample = "[{ name: trace, path: out/trace }]") => `kind: workflow
name: flow
steps:
  - { id: sample, run: sample, artifacts: { upload: ${sample} } }
  - { id: each, for_each: [1, 2], run: each, artifacts: { upload: [{ name: part, path: part }] } }
  - { id: judge, depends: [sample, each], run: judge, artifacts: { ${judge} } }
  - { id: last, run: last, artifacts: { upload: [{ name: late, path: late }] } }
`;
const check = (text: string) => checkSources([{ path: "flow.yaml", text }], () => true).problems;
const download = (...items: string[]) => check(flow(`download: [${items.join(", ")}]`));

describe("artifacts", () => {
  it("may be given to later steps, those of several instances by number or all together", () => {
    expect(
      download(
        "{ step: sample, name: trace, path: in/trace }",
        "{ step: each, name: part, path: in/parts }",
        "{ step: each, name: part, instance: 1, path: in/one }",
        '{ step: each, name: part, instance: "${{ instance }}", path: in/same }',
      ),
    ).toEqual([]);
  });

  it("are refused from a step that is not there or has not ended, and of a name that it has not", () => {
    const code = "RESOURCE_REFERENCE_UNKNOWN";
    expect(download("{ step: sampel, name: trace, path: x }")).toMatchObject([
      { code, line: 6, hint: 'Did you mean "sample"?' },
    ]);
    expect(download("{ step: sample, name: trase, path: x }")).toMatchObject([
      { code, hint: 'Did you mean "trace"?' },
    ]);
    expect(download("{ step: last, name: late, path: x }")).toMatchObject([
      { code, hint: 'Add "last" to the step\'s depends.' },
    ]);
    expect(
      check(
        flow("download: [{ step: judge, name: own, path: x }], upload: [{ name: own, path: y }]"),
      ),
    ).toMatchObject([{ code }]);
  });

  it("are refused where they would be in each other's way, or in that of Cohort's own files", () => {
    const code = "RESOURCE_INVALID";
    const trace = (path: string) => `{ step: sample, name: trace, path: ${path} }`;
    expect(download(trace("a"), trace("a"))).toMatchObject([{ code }]);
    expect(download(trace("a/b"), trace("a"))).toMatchObject([{ code }]);
    expect(download(trace("a"), trace("a/b"))).toMatchObject([{ code }]);
    expect(download(trace("a"), trace("ab"))).toEqual([]);
    expect(download(trace("step.sh"))).toMatchObject([{ code }]);
    expect(download(trace("inputs.json/x"))).toMatchObject([{ code }]);
    expect(download(trace("../x"))).toMatchObject([{ code }]);
  });

  it("are refused under one name twice, with an instance of what has one, and on the coordinator", () => {
    const twice = "[{ name: trace, path: a }, { name: trace, path: b }]";
    expect(check(flow("upload: []", twice))).toMatchObject([{ code: "RESOURCE_DUPLICATE" }]);
    expect(download("{ step: sample, name: trace, instance: 0, path: x }")).toMatchObject([
      { code: "RESOURCE_KEY_UNKNOWN" },
    ]);
    expect(
      download('{ step: each, name: part, instance: "${{ nothing }}", path: x }'),
    ).toMatchObject([{ code: "EXPRESSION_INVALID" }]);
    const sleep = flow("upload: []").replace("run: last", "sleep: 1s");
    expect(check(sleep)).toMatchObject([{ code: "RESOURCE_KEY_UNKNOWN" }]);
  });
});
