import { describe, expect, it } from "vitest";
import { Bell } from "../../src/mesh/bell.ts";

const never = new AbortController().signal;
const longMs = 600_000;

describe("a bell", () => {
  it("cuts a wait short, and that one alone", async () => {
    const bell = new Bell();
    const waiting = bell.wait(longMs, never);
    bell.ring();
    expect(await waiting).toBe(true);
    expect(await bell.wait(1, never)).toBe(false);
  });

  it("that rang while nobody waited cuts the next wait", async () => {
    const bell = new Bell();
    bell.ring();
    bell.ring();
    expect(await bell.wait(longMs, never)).toBe(true);
    expect(await bell.wait(1, never)).toBe(false);
  });

  it("does not ring when the end comes", async () => {
    const bell = new Bell();
    const ended = new AbortController();
    const waiting = bell.wait(longMs, ended.signal);
    ended.abort();
    expect(await waiting).toBe(false);
    expect(await bell.wait(longMs, ended.signal)).toBe(false);
  });
});
