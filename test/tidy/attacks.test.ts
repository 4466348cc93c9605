import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { attacks, partsToCome, placesOf } from "../security/catalogue.mjs";
import { outcomesOf, tableOf } from "../security/outcomes.mjs";
import { root } from "./sources.ts";

describe("the catalogue of attacks", () => {
  const places = placesOf();

  it("has words and a place for each of 123, and no other", () => {
    expect(attacks).toHaveLength(123);
    expect([...places.keys()].sort((a, b) => a - b)).toEqual(attacks.map((_, at) => at + 1));
  });

  it("names test files that are there", () => {
    const missing = [...places].flatMap(([number, it]) => it.missing.map((file) => [number, file]));
    expect(missing).toEqual([]);
  });

  it("has a test for each, or says what is to come", () => {
    const without = [...places].filter(([, { files }]) => files.length === 0);
    const silent = without.filter(
      ([number, { later }]) => later === "" && !partsToCome.has(number),
    );
    expect(silent.map(([number]) => number)).toEqual([]);
  });

  it("is run by `npm run test:security`", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect(scripts["test:security"]).toBe("node test/security/run.mjs");
  });

  it("passes for what has passed, and fails for what failed, never ran or has no test", () => {
    const place = (...files: string[]) => ({ files, missing: [], later: "" });
    const test = (fullName: string, status: string) => ({ fullName, status });
    const report = {
      testResults: [
        { name: "a", assertionResults: [test("x (90)", "passed"), test("y (91)", "failed")] },
        { name: "b", assertionResults: [test("z", "passed"), test("w", "pending")] },
      ],
    };
    const where = new Map([
      [90, place("a")],
      [91, place("a")],
      [92, place("b")],
      [93, place("gone")],
      [94, place()],
      [119, place()],
    ]);
    const outcomes = outcomesOf([90, 91, 92, 93, 94, 119], where, report);
    expect(outcomes.map(({ fine }) => fine)).toEqual([true, false, true, false, false, true]);
    expect(outcomes[2]?.result).toBe("passed: 1, 1 skipped: this machine cannot");
    expect(tableOf(outcomes)).toContain("2 of 6 attacks withstood; not withstood: 91, 93, 94");
  });
});
