import { describe, expect, it } from "vitest";
import { outputFault } from "../../src/scheduler/output.ts";
import { worldWith } from "./world.ts";

const outputs = {
  from: "file",
  types: { rms: "number", cause: "string", sure: "boolean", detail: "json" },
} as const;

describe("an output with declared fields", () => {
  it("fits when it is an object that has them all, and may have more", () => {
    const output = { rms: 1, cause: "wear", sure: true, detail: null, more: [] };
    expect(outputFault(JSON.stringify(output), outputs)).toBeNull();
  });

  it.each([
    ['{"cause":"wear","sure":true,"detail":1}', "STEP_OUTPUT_MISSING", 'the output has no "rms"'],
    [
      '{"rms":"1","cause":"","sure":true}',
      "STEP_OUTPUT_INVALID",
      '"rms" of the output is a string, not a number',
    ],
    ['{"rms":null}', "STEP_OUTPUT_INVALID", '"rms" of the output is a null, not a number'],
    ['{"rms":[1]}', "STEP_OUTPUT_INVALID", '"rms" of the output is a list, not a number'],
    ["[]", "STEP_OUTPUT_INVALID", "the output is a list, not an object with the declared fields"],
    ["null", "STEP_OUTPUT_INVALID", "the output is a null, not an object with the declared fields"],
    ["", "STEP_OUTPUT_MISSING", "the step left no output"],
  ])("is at fault as %s", (json, code, message) => {
    expect(outputFault(json, outputs)).toEqual({ code, message });
  });

  it("does not take what every object inherits for a field", () => {
    const types = { toString: "json" } as const;
    expect(outputFault("{}", { from: "file", types })?.code).toBe("STEP_OUTPUT_MISSING");
  });
});

describe("an output without declared fields", () => {
  it("may be any JSON, or none, but nothing else", () => {
    for (const json of ["", "1", "null", '"x"', "[]"])
      expect(outputFault(json, undefined)).toBeNull();
    expect(outputFault("{", undefined)?.code).toBe("STEP_OUTPUT_INVALID");
  });
});

describe("a step whose output is not what it declares", () => {
  const flow = `kind: workflow
name: flow
steps:
  - { id: sample, run: sample, outputs: { types: { rms: number } }, retry: { limit: 1, on: [STEP_OUTPUT_MISSING] } }
  - { id: judge, depends: [sample], if: "\${{ steps.sample.output.rms > 4.0 }}", run: judge }
`;

  it("has failed, and is tried again where the step says so", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await it.finish(run, "sample", { outputJson: '{"rmz":5}' });
    expect(it.open()).toEqual(["sample[0]#2@node-a"]);
    await it.finish(run, "sample", { outputJson: '{"rms":"5"}' });
    expect(it.stateOf(run)).toEqual({ sample: "failed", judge: "skipped" });
    expect(it.runOf(run).reason).toBe(
      'step sample: STEP_OUTPUT_INVALID "rms" of the output is a string, not a number',
    );
  });

  it("passes nothing on that is no JSON, whatever a node says", async () => {
    const it = await worldWith(flow.replace(", outputs: { types: { rms: number } }", ""));
    const { run } = await it.start("flow");
    await it.finish(run, "sample", { outputJson: '{"rms":' });
    expect(it.stateOf(run)).toEqual({ sample: "failed", judge: "skipped" });
  });
});
