import { expect, test } from "vitest";
import { checkNode } from "../setup/node-version.mjs";

test("Node.js 20.19 on Linux is the least", () => {
  for (const version of ["20.19.0", "20.20.2", "22.0.0", "24.1.0"]) {
    expect(checkNode(version, "linux")).toBe(version);
  }
  for (const version of ["20.18.9", "18.20.0"]) {
    expect(() => checkNode(version, "linux")).toThrow(`Node.js ${version} is too old`);
  }
  expect(() => checkNode("22.0.0", "darwin")).toThrow("darwin");
});
