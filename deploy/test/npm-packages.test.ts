import { describe, expect, test } from "vitest";
import { holdsAll } from "../setup/npm-packages.mjs";

const zod = { version: "4.6.7", integrity: "sha512-a" };

describe("installed npm packages", () => {
  test("are as locked when every one is there in its version, workspaces left out", () => {
    const wanted = { packages: { "": {}, proto: { version: "0.1.0" }, "node_modules/zod": zod } };
    expect(holdsAll(wanted, { packages: { "node_modules/zod": zod } })).toBe(true);
  });

  test("are not when one is missing, of another version, or of other content", () => {
    const wanted = { packages: { "node_modules/zod": zod } };
    for (const there of [
      undefined,
      { ...zod, version: "4.6.6" },
      { ...zod, integrity: "sha512-b" },
    ]) {
      const packages = there === undefined ? {} : { "node_modules/zod": there };
      expect(holdsAll(wanted, { packages })).toBe(false);
    }
  });

  test("may lack what is optional, which npm leaves out on other systems", () => {
    const wanted = { packages: { "node_modules/win": { ...zod, optional: true } } };
    expect(holdsAll(wanted, { packages: {} })).toBe(true);
  });
});
