import { describe, expect, it } from "vitest";
import {
  applyArtifacts,
  artifactsOf,
  emptyArtifacts,
  findArtifact,
  forgetRun,
} from "../../src/artifacts/artifacts.ts";

const hash = (fill: number) => new Uint8Array(32).fill(fill);
const hex = (fill: number) => Buffer.from(hash(fill)).toString("hex");

function stored(
  run: string,
  fill: number,
  size: number,
  rest: { instance?: number; attempt?: number; name?: string } = {},
) {
  const { instance = 0, attempt = 1, name = "trace" } = rest;
  const key = { run, step: "sample", instance, attempt };
  const value = { attempt: key, name, sha256: hash(fill), size };
  return { seq: 1, atMs: 5, event: { $case: "artifactStored" as const, value } };
}

describe("artifacts in the state", () => {
  it("are told apart by step, instance and name, and counted once where they are the same", () => {
    const state = emptyArtifacts();
    applyArtifacts(state, stored("run1", 1, 10));
    applyArtifacts(state, stored("run1", 1, 10, { instance: 1 }));
    applyArtifacts(state, stored("run2", 2, 5));
    expect(artifactsOf(state, "run1").map((it) => it.instance)).toEqual([0, 1]);
    const key = { step: "sample", instance: 1, name: "trace" };
    expect(findArtifact(state, "run1", key)).toMatchObject({
      sha256: hex(1),
      size: 10,
      storedMs: 5,
    });
    expect(findArtifact(state, "run2", key)).toBeNull();
    expect(state.bytes).toBe(15);
    expect(state.byRun.get("run1")?.bytes).toBe(20);
  });

  it("are replaced by those of a later attempt", () => {
    const state = emptyArtifacts();
    applyArtifacts(state, stored("run1", 1, 10));
    applyArtifacts(state, stored("run1", 2, 4, { attempt: 2 }));
    expect([...state.contents.keys()]).toEqual([hex(2)]);
    expect(state.bytes).toBe(4);
    expect(state.byRun.get("run1")?.bytes).toBe(4);
  });

  it("keep their content when they are stored again as they are", () => {
    const state = emptyArtifacts();
    applyArtifacts(state, stored("run1", 1, 10));
    applyArtifacts(state, stored("run1", 1, 10, { attempt: 2 }));
    expect(state.contents.get(hex(1))).toEqual({ size: 10, references: 1 });
    expect(state.bytes).toBe(10);
  });

  it("go with their run, and their content with the last that has it", () => {
    const state = emptyArtifacts();
    applyArtifacts(state, stored("run1", 1, 10));
    applyArtifacts(state, stored("run2", 1, 10));
    forgetRun(state, "run1");
    expect(artifactsOf(state, "run1")).toEqual([]);
    expect(state.contents.get(hex(1))).toEqual({ size: 10, references: 1 });
    forgetRun(state, "run2");
    forgetRun(state, "run2");
    expect(state).toEqual(emptyArtifacts());
  });
});
