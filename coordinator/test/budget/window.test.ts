import { describe, expect, it } from "vitest";
import { windowOf } from "../../src/budget/window.ts";
import { Book } from "./book.ts";

function day(timezone: string, at: string): string {
  return windowOf({ window: "day", timezone }, Date.parse(at), "");
}

function month(timezone: string, at: string): string {
  return windowOf({ window: "month", timezone }, Date.parse(at), "");
}

describe("windowOf", () => {
  it.each([
    ["UTC", "2026-11-22T23:59:59.999Z", "day/2026-11-22"],
    ["UTC", "2026-11-23T00:00:00.000Z", "day/2026-11-23"],
    // Europe/Berlin leaves summer time on 2026-10-25: that day has 25 hours.
    ["Europe/Berlin", "2026-10-24T21:59:59.999Z", "day/2026-10-24"],
    ["Europe/Berlin", "2026-10-24T22:00:00Z", "day/2026-10-25"],
    ["Europe/Berlin", "2026-10-25T22:59:59.999Z", "day/2026-10-25"],
    ["Europe/Berlin", "2026-10-25T23:00:00Z", "day/2026-10-26"],
    // America/New_York enters it on 2026-03-08: that day has 23 hours.
    ["America/New_York", "2026-03-08T05:00:00Z", "day/2026-03-08"],
    ["America/New_York", "2026-03-09T03:59:59.999Z", "day/2026-03-08"],
    ["America/New_York", "2026-03-09T04:00:00Z", "day/2026-03-09"],
    // Brazil's summer time began at midnight: 2018-11-04 began at 01:00.
    ["America/Sao_Paulo", "2018-11-04T02:59:59.999Z", "day/2018-11-03"],
    ["America/Sao_Paulo", "2018-11-04T03:00:00Z", "day/2018-11-04"],
    // Zones with half and three-quarter hours, and the two ends of the date line.
    ["Asia/Kathmandu", "2026-01-31T18:14:59.999Z", "day/2026-01-31"],
    ["Asia/Kathmandu", "2026-01-31T18:15:00Z", "day/2026-02-01"],
    ["Pacific/Kiritimati", "2026-11-22T10:00:00Z", "day/2026-11-23"],
    ["Pacific/Pago_Pago", "2026-11-22T10:59:59Z", "day/2026-11-21"],
    // Samoa went over the date line: 2011-12-30 never was.
    ["Pacific/Apia", "2011-12-30T09:59:59.999Z", "day/2011-12-29"],
    ["Pacific/Apia", "2011-12-30T10:00:00Z", "day/2011-12-31"],
  ])("in %s, %s lies in %s", (timezone, at, window) => {
    expect(day(timezone, at)).toBe(window);
  });

  it.each([
    ["Europe/Berlin", "2026-03-31T21:59:59.999Z", "month/2026-03"],
    ["Europe/Berlin", "2026-03-31T22:00:00Z", "month/2026-04"],
    ["UTC", "2028-02-29T23:59:59Z", "month/2028-02"],
    ["Asia/Tokyo", "2026-12-31T15:00:00Z", "month/2027-01"],
  ])("in %s, %s lies in %s", (timezone, at, window) => {
    expect(month(timezone, at)).toBe(window);
  });
});

describe("a window's border", () => {
  it("gives new money at local midnight, and keeps a charge where it was reserved", () => {
    const book = new Book(Date.parse("2026-10-25T22:59:59Z"));
    book.define({ name: "all", limit: 10, timezone: "Europe/Berlin" });
    book.call({ call: "1" });
    expect(book.call({ call: "2" })).toBe("BUDGET_EXHAUSTED");
    book.nowMs += 1000;
    expect(book.call({ call: "3" })).toBe("intended");
    book.settle("1", 8);
    expect(book.sum("budget/all", "day/2026-10-25")).toEqual({ posted: 8, held: 0 });
    expect(book.sum("budget/all", "day/2026-10-26")).toEqual({ posted: 0, held: 10 });
  });

  it("opens no earlier window again when the clock steps back", () => {
    const book = new Book(Date.parse("2026-11-30T23:00:00Z"));
    book.define({ name: "all", limit: 10, window: "month" });
    book.nowMs = Date.parse("2026-12-01T00:00:00Z");
    expect(book.call({ call: "1" })).toBe("intended");
    book.nowMs = Date.parse("2026-11-30T23:00:00Z");
    expect(book.call({ call: "2" })).toBe("BUDGET_EXHAUSTED");
    book.settle("1", 10);
    expect(book.sum("budget/all", "month/2026-12")).toEqual({ posted: 10, held: 0 });
    book.nowMs = Date.parse("2026-12-31T23:59:59Z");
    expect(book.call({ call: "3" })).toBe("BUDGET_EXHAUSTED");
  });
});
