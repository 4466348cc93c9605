import { describe, expect, it } from "vitest";
import { createIds } from "../src/ids.ts";

describe("ids", () => {
  it("are ULIDs that begin with their time, sort by it, and never meet", () => {
    let nowMs = 1_700_000_000_000;
    const newId = createIds(() => nowMs);
    const ids = Array.from({ length: 5000 }, () => newId());
    expect(ids.every((id) => /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(ids.map((id) => id.slice(0, 10))).size).toBe(1);
    nowMs += 1;
    const later = newId();
    expect(ids.every((id) => id < later)).toBe(true);
  });
});
