import { existsSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { logLimits } from "../../src/log/limits.ts";
import { keepReserve } from "../../src/log/reserve.ts";
import { temporaryPath } from "../kit/temporary-path.ts";

describe("the disk reserve", () => {
  it("takes room from the disk once, for its owner alone, and gives it back", () => {
    const folder = join(temporaryPath("x"), "..");
    const path = join(folder, "reserve");
    const reserve = keepReserve(folder);
    const { size, mode, blocks, mtimeMs } = statSync(path);
    expect(size).toBe(logLimits.reserveBytes);
    expect(blocks * 512).toBeGreaterThanOrEqual(size);
    expect(mode & 0o777).toBe(0o600);
    keepReserve(folder);
    expect(statSync(path).mtimeMs).toBe(mtimeMs);
    reserve.release();
    reserve.release();
    expect(existsSync(path)).toBe(false);
  });

  it("is made anew where a part of it is left", () => {
    const folder = join(temporaryPath("x"), "..");
    const path = join(folder, "reserve");
    writeFileSync(`${path}.partial`, "");
    keepReserve(folder);
    truncateSync(path, 5);
    keepReserve(folder);
    expect(statSync(path).size).toBe(logLimits.reserveBytes);
    expect(existsSync(`${path}.partial`)).toBe(false);
  });

  it("that cannot be made is said, with what is needed", () => {
    expect(() => keepReserve("/proc")).toThrow(
      expect.objectContaining({ code: "LEDGER_UNWRITABLE" }),
    );
  });
});
