import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareVersions, isVersion } from "../src/version.ts";

/** https://semver.org/#spec-item-11, the example there and more. */
const ordered = [
  "0.1.0",
  "0.9.0",
  "0.10.0",
  "1.0.0-alpha",
  "1.0.0-alpha.1",
  "1.0.0-alpha.beta",
  "1.0.0-beta",
  "1.0.0-beta.2",
  "1.0.0-beta.11",
  "1.0.0-rc.1",
  "1.0.0",
  "1.0.1",
  "2.0.0",
];

describe("versions", () => {
  it("are ordered as Semantic Versioning says", () => {
    const index = fc.integer({ min: 0, max: ordered.length - 1 });
    fc.assert(
      fc.property(index, index, (a, b) => {
        const [left, right] = [ordered[a] as string, ordered[b] as string];
        expect(Math.sign(compareVersions(left, right))).toBe(Math.sign(a - b));
      }),
    );
  });

  it.each([
    "",
    "1",
    "1.2",
    "1.2.3.4",
    "v1.2.3",
    "1.2.3-",
    "1.2.3+build",
    "1.2.3\n",
    "-1.0.0",
    "1.0.0- x",
  ])("are not %j, which comes before all that are", (text) => {
    expect(isVersion(text)).toBe(false);
    expect(compareVersions(text, "0.0.0")).toBeLessThan(0);
  });
});
