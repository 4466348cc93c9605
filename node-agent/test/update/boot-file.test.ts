import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Boot, parseBoot, readBoot, writeBoot } from "../../src/update/boot-file.ts";
import { MemoryDisk } from "../kit/memory-files.ts";

const hex = fc.string({
  unit: fc.constantFrom(..."0123456789abcdef"),
  minLength: 64,
  maxLength: 64,
});
const image = fc.option(hex);
const boots: fc.Arbitrary<Boot> = fc.record({
  base: fc.constantFrom("0.1.0", "10.20.30-rc.1"),
  current: image,
  trial: image,
  starts: fc.integer({ min: 0, max: 9 }),
  confirmSeconds: fc.integer({ min: 1, max: 3600 }),
  failed: fc.option(fc.record({ image: hex, reason: fc.constantFrom("late", "crashed") })),
});

describe("the boot file", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(boots, (boot) => {
        const disk = new MemoryDisk();
        writeBoot(disk, "/data/update", boot);
        expect(readBoot(disk, "/data/update")).toEqual(boot);
      }),
    );
  });

  it("that is cut off anywhere is none", () => {
    const disk = new MemoryDisk();
    const none = { current: null, trial: null, failed: null };
    writeBoot(disk, "/u", { base: "0.1.0", starts: 0, confirmSeconds: 30, ...none });
    const text = new TextDecoder().decode(disk.read("/u/boot") ?? undefined);
    for (let length = 0; length < text.length; length++) {
      expect(parseBoot(text.slice(0, length)), `${length}`).toBeNull();
    }
    expect(parseBoot(text)).not.toBeNull();
    expect(parseBoot(`${text}x`)).toBeNull();
  });

  it("that is not there is none", () => {
    expect(readBoot(new MemoryDisk(), "/data/update")).toBeNull();
  });
});
