import { describe, expect, it } from "vitest";
import { HostError } from "../../src/host.ts";
import { stepOutput } from "../../src/steps/output.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const leaving = (bytes: Uint8Array | null) => ({ collect: () => bytes });
const failing = (code: string) => ({
  collect: () => {
    throw new HostError(code, "refused");
  },
});

describe("a step's output", () => {
  it("is the file that it left, whatever it printed", () => {
    expect(stepOutput(leaving(encode(' "text"\n')), encode("{}"), 100)).toBe('"text"');
    expect(stepOutput(leaving(encode("4.5")), encode("{}"), 100)).toBe("4.5");
  });

  it("is nothing when the file is empty", () => {
    expect(stepOutput(leaving(encode("\n")), encode("{}"), 100)).toBe("");
  });

  it("is what it printed when that is an object or an array as a whole", () => {
    expect(stepOutput(leaving(null), encode(' {"a":1}\n'), 100)).toBe('{"a":1}');
    expect(stepOutput(leaving(null), encode("[1,2]"), 100)).toBe("[1,2]");
  });

  it.each(["", "42", "true", '"text"', "{} {}", "log\n{}", "[1,", "{'a':1}"])(
    "is nothing when it printed %j",
    (text) => expect(stepOutput(leaving(null), encode(text), 100)).toBe(""),
  );

  it("is nothing when it printed too much, or no UTF-8", () => {
    expect(stepOutput(leaving(null), null, 100)).toBe("");
    expect(stepOutput(leaving(null), Uint8Array.of(0x5b, 0xff, 0x5d), 100)).toBe("");
  });

  it.each([
    ["not JSON", leaving(encode("rms=4.5"))],
    ["not UTF-8", leaving(Uint8Array.of(0x22, 0xff, 0x22))],
    ["too large", failing("TOO_LARGE")],
    ["a FIFO or a link", failing("NOT_REGULAR")],
    ["unreadable", failing("EIO")],
  ])("is refused with STEP_OUTPUT_INVALID when the file is %s", (_title, process) => {
    expect(() => stepOutput(process, encode("{}"), 100)).toThrowError(
      expect.objectContaining({ code: "STEP_OUTPUT_INVALID" }),
    );
  });
});
