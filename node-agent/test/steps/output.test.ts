import { describe, expect, it } from "vitest";
import { HostError } from "../../src/host.ts";
import { outputPath, stepOutput } from "../../src/steps/output.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const leaving = (bytes: Uint8Array | null) => ({ collect: () => bytes });
const failing = (code: string) => ({
  collect: () => {
    throw new HostError(code, "refused");
  },
});
const stdout = { stdout: true, path: "", required: false };
const named = { stdout: false, path: "out/result.json", required: true };

describe("a step's output", () => {
  it("is the file that it left, whatever it printed", () => {
    const printed = encode("{}");
    expect(stepOutput(leaving(encode(' "text"\n')), undefined, printed, 100)).toBe('"text"');
    expect(stepOutput(leaving(encode("4.5")), undefined, printed, 100)).toBe("4.5");
  });

  it("is nothing when there is no file or an empty one, whatever it printed", () => {
    expect(stepOutput(leaving(null), undefined, encode("{}"), 100)).toBe("");
    expect(stepOutput(leaving(encode("")), undefined, encode("{}"), 100)).toBe("");
  });

  it("is the file of the name that the step declares", () => {
    const asked: string[] = [];
    const collect = (name: string) => {
      asked.push(name);
      return encode("[1]");
    };
    expect(stepOutput({ collect }, named, null, 100)).toBe("[1]");
    expect(asked).toEqual(["out/result.json"]);
    expect(outputPath({ output: named })).toBe("out/result.json");
    expect(outputPath({ output: undefined })).toBe("output.json");
  });

  it("is missing when the step declares the name of a file and leaves none", () => {
    expect(() => stepOutput(leaving(null), named, null, 100)).toThrowError(
      expect.objectContaining({ code: "STEP_OUTPUT_MISSING" }),
    );
  });

  it("is what it printed, of any type, where the step says so", () => {
    const never = failing("EIO");
    expect(stepOutput(never, stdout, encode(' {"a":1}\n'), 100)).toBe('{"a":1}');
    expect(stepOutput(never, stdout, encode("42"), 100)).toBe("42");
  });

  it.each(["", "{} {}", "log\n{}", "[1,", "{'a':1}"])("is refused when it printed %j", (text) => {
    expect(() => stepOutput(leaving(null), stdout, encode(text), 100)).toThrowError(
      expect.objectContaining({ code: "STEP_OUTPUT_INVALID" }),
    );
  });

  it("is never cut short: too much is a failure of its own", () => {
    const tooLarge = expect.objectContaining({ code: "STEP_OUTPUT_TOO_LARGE" });
    expect(() => stepOutput(leaving(null), stdout, null, 100)).toThrowError(tooLarge);
    expect(() => stepOutput(failing("TOO_LARGE"), undefined, null, 100)).toThrowError(tooLarge);
  });

  it.each([
    ["not JSON", leaving(encode("rms=4.5"))],
    ["blank", leaving(encode("\n"))],
    ["not UTF-8", leaving(Uint8Array.of(0x22, 0xff, 0x22))],
    ["a FIFO or a link", failing("NOT_REGULAR")],
    ["unreadable", failing("EIO")],
  ])("is refused with STEP_OUTPUT_INVALID when the file is %s", (_title, process) => {
    expect(() => stepOutput(process, undefined, encode("{}"), 100)).toThrowError(
      expect.objectContaining({ code: "STEP_OUTPUT_INVALID" }),
    );
  });
});
