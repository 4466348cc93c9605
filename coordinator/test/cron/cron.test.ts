import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CronError, timesOf } from "../../src/cron/cron.ts";

const berlin = "Europe/Berlin";

/** The next times after a moment, in UTC without year and seconds. */
function next(cron: string, after: string, count: number, timezone = berlin): string[] {
  const times: string[] = [];
  for (let at = Date.parse(after); times.length < count; ) {
    at = timesOf({ cron, timezone }).nextAfter(at) as number;
    times.push(new Date(at).toISOString().slice(5, 16).replace("T", " "));
  }
  return times;
}

describe("a cron expression", () => {
  it("is read in its time zone, summer and winter", () => {
    expect(next("0 6 * * *", "2026-03-27T12:00Z", 3)).toEqual([
      "03-28 05:00",
      "03-29 04:00",
      "03-30 04:00",
    ]);
    expect(next("*/15 6-22 * * 1-5", "2026-01-02T21:40Z", 3)).toEqual([
      "01-02 21:45",
      "01-05 05:00",
      "01-05 05:15",
    ]);
    expect(next("@daily", "2026-06-01T00:00Z", 1, "Asia/Kathmandu")).toEqual(["06-01 18:15"]);
  });

  it("takes day of month or day of week where both are given, as cron does", () => {
    expect(next("0 0 13 * 5", "2026-03-01T00:00Z", 4, "UTC")).toEqual([
      "03-06 00:00",
      "03-13 00:00",
      "03-20 00:00",
      "03-27 00:00",
    ]);
  });

  // In Berlin 02:00 to 03:00 does not happen on 2026-03-29: it begins at 01:00 UTC.
  it.each([
    ["a single time", "30 2 * * *", ["03-29 01:00", "03-30 00:30"]],
    ["a list", "0,30 2 * * *", ["03-29 01:00", "03-30 00:00"]],
    ["a range of hours", "30 1-3 * * *", ["03-29 00:30", "03-29 01:00"]],
    ["one weekday", "30 2 * * 0", ["03-29 01:00", "04-05 00:30"]],
  ])(
    "that falls into an hour that never happens is due once, right after it: %s",
    (_, cron, times) => {
      expect(next(cron, "2026-03-28T12:00Z", times.length)).toEqual(times);
    },
  );

  it("that is due every so often goes by what the clock shows over the gap", () => {
    const times = ["00:45", "01:00", "01:15"].map((it) => `03-29 ${it}`);
    expect(next("*/15 * * * *", "2026-03-29T00:30Z", 3)).toEqual(times);
    expect(next("*/20 2 * * *", "2026-03-28T12:00Z", 1)).toEqual(["03-30 00:00"]);
  });

  // In Berlin 02:00 to 03:00 happens twice on 2026-10-25: from 00:00 and from 01:00 UTC.
  it.each([
    ["a single time", "30 2 * * *", ["10-25 00:30", "10-26 01:30"]],
    ["a list", "0,30 2 * * *", ["10-25 00:00", "10-25 00:30", "10-26 01:00"]],
    ["a range of hours", "30 1-3 * * *", ["10-24 23:30", "10-25 00:30", "10-25 02:30"]],
  ])("that happens twice is due the first time only: %s", (_, cron, times) => {
    expect(next(cron, "2026-10-24T12:00Z", times.length)).toEqual(times);
    expect(next(cron, "2026-10-25T01:05Z", 1)[0]).not.toMatch(/10-25 01/);
  });

  it("that is due every so often is so in both hours", () => {
    expect(next("*/30 * * * *", "2026-10-24T23:45Z", 5)).toEqual(
      ["00:00", "00:30", "01:00", "01:30", "02:00"].map((it) => `10-25 ${it}`),
    );
  });

  it("knows a half-hour change, a midnight that never happens, a day that never happens", () => {
    expect(next("15 2 * * *", "2026-10-03T00:00Z", 1, "Australia/Lord_Howe")).toEqual([
      "10-03 15:30",
    ]);
    expect(next("0 0 * * *", "2018-11-03T12:00Z", 2, "America/Sao_Paulo")).toEqual([
      "11-04 03:00",
      "11-05 02:00",
    ]);
    const [after] = next("0 12 30 12 *", "2011-12-01T00:00Z", 1, "Pacific/Apia");
    expect(after).toBe("12-29 22:00");
  });

  it("gives later and later times, none left out, and the latest until any moment", () => {
    const crons = ["*/15 * * * *", "30 2 * * *", "0,30 1-3 * * 0", "15 */2 * * *", "@monthly"];
    const zones = [berlin, "America/New_York", "Australia/Lord_Howe", "UTC"];
    const changes = ["2026-03-08", "2026-03-29", "2026-10-04", "2026-10-25", "2026-11-01"];
    const moment = fc
      .tuple(fc.constantFrom(...changes), fc.integer({ min: -86_400, max: 172_800 }))
      .map(([day, seconds]) => Date.parse(day) + seconds * 1000 + 1);
    fc.assert(
      fc.property(
        fc.constantFrom(...crons),
        fc.constantFrom(...zones),
        moment,
        (cron, zone, at) => {
          const times = timesOf({ cron, timezone: zone });
          const first = times.nextAfter(at) as number;
          const second = times.nextAfter(first) as number;
          expect(first).toBeGreaterThan(at);
          expect(second).toBeGreaterThan(first);
          expect(times.nextAfter(first - 1)).toBe(first);
          expect(times.latestUntil(first)).toBe(first);
          expect(times.latestUntil(second - 1)).toBe(first);
          expect(times.latestUntil(first - 1) as number).toBeLessThanOrEqual(at);
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    ["* * * * * *", "five fields; this one has 6"],
    ["", "five fields"],
    ["2026-01-01T00:00:00", "five fields"],
    ["60 * * * *", "minute: 60"],
    ["0 24 * * *", "hour: 24"],
    ["0 0 * * monn", "stand alone"],
    ["5-1 * * * *", "larger"],
    ["*/0 * * * *", "0"],
    ["0 0 30 2 *", "never comes"],
    ["@reboot", 'called "@reboot"'],
    ["? * * * *", "mean nothing"],
  ])("is refused with the reason when it is wrong: %s", (cron, message) => {
    expect(() => timesOf({ cron, timezone: berlin })).toThrow(CronError);
    expect(() => timesOf({ cron, timezone: berlin })).toThrow(message);
  });
});
