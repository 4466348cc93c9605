import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatDuration,
  formatMoney,
  formatSize,
  parseDuration,
  parseMoney,
  parseSize,
} from "../src/quantity.ts";

describe("quantities", () => {
  it("read what people write", () => {
    expect(parseDuration("1h30m")).toBe(5_400_000);
    expect(parseDuration("250ms")).toBe(250);
    expect(parseSize("64MiB")).toBe(67_108_864);
    expect(parseSize("10 MB")).toBe(10_000_000);
    expect(parseMoney("0.20 USD")).toBe(200_000_000);
    expect(parseMoney("3 USD")).toBe(3_000_000_000);
  });

  it.each(["", "10", "-1s", "1.5h", "s", "1s 2m", "1e3s"])("refuse %j as a duration", (text) => {
    expect(parseDuration(text)).toBeNull();
  });

  it.each(["", "-1 USD", "1 EUR", "1USD", "0.0000000001 USD", "1e3 USD", `${"9".repeat(20)} USD`])(
    "refuse %j as money",
    (text) => {
      expect(parseMoney(text)).toBeNull();
    },
  );

  it("show durations and sizes in the largest units that give them exactly", () => {
    expect(formatDuration(5_400_000)).toBe("1h30m");
    expect(formatDuration(90_061_001)).toBe("1d1h1m1s1ms");
    expect(formatDuration(0)).toBe("0s");
    expect(formatSize(67_108_864)).toBe("64MiB");
    expect(formatSize(10_000_000)).toBe("10MB");
    expect(formatSize(1025)).toBe("1025B");
    expect(formatSize(0)).toBe("0B");
  });

  it("show durations and sizes so that they read back the same", () => {
    const counts = fc.nat({ max: 2 ** 50 });
    fc.assert(fc.property(counts, (it) => parseDuration(formatDuration(it)) === it));
    fc.assert(fc.property(counts, (it) => parseSize(formatSize(it)) === it));
  });

  it("show money so that it reads back the same", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 50 }), (nano) => parseMoney(formatMoney(nano)) === nano),
    );
  });
});
