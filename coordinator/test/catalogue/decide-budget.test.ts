import { describe, expect, it } from "vitest";
import { definitionOf } from "../../src/catalogue/catalogue.ts";
import { decideBudget } from "../../src/catalogue/decide-budget.ts";
import { catalogueWriter } from "./catalogue-writer.ts";

const budget = (limit: string) =>
  `kind: budget\nname: press-day\nscope: mesh\nwindow: day\nlimit: ${limit} USD\n`;
const change = { budget: "press-day", limitNanoUsd: 5_000_000_000, actor: "ann", reason: "fair" };
const code = (expected: string) => expect.objectContaining({ code: expected });

describe("decideBudget", () => {
  it("applies the changed definition, and records who changed it, from what and to what", async () => {
    const { apply, writer } = catalogueWriter();
    await apply(budget("1.00"));
    const { events, value } = decideBudget(writer.state.catalogue, change);
    expect(value).toBe(1_000_000_000);
    expect(events.map(({ $case }) => $case)).toEqual(["resourcesApplied", "budgetChanged"]);
    expect(events[1]?.value).toMatchObject({ actor: "ann", budget: "press-day", reason: "fair" });
    const limits = [events[1]?.value].map((it) => {
      const { beforeJson, afterJson } = it as { beforeJson: string; afterJson: string };
      return [JSON.parse(beforeJson).limit, JSON.parse(afterJson).limit];
    });
    expect(limits).toEqual([[1_000_000_000, 5_000_000_000]]);
    await writer.decide(() => ({ events, value }));
    expect(definitionOf(writer.state.catalogue, "budget", "press-day")?.limit).toBe(5e9);
    expect(await apply(budget("5.00"))).toMatchObject([{ change: "unchanged" }]);
  });

  it("records nothing where nothing changes", async () => {
    const { apply, writer } = catalogueWriter();
    await apply(budget("5.00"));
    expect(decideBudget(writer.state.catalogue, change).events).toEqual([]);
  });

  it("names the budget that may have been meant, and refuses limits that are none", async () => {
    const { apply, writer } = catalogueWriter();
    await apply(budget("1.00"));
    const ask = (rest: object) => () =>
      decideBudget(writer.state.catalogue, { ...change, ...rest });
    expect(ask({ budget: "press-dya" })).toThrow(
      expect.objectContaining({
        code: "BUDGET_UNKNOWN",
        problems: [expect.objectContaining({ hint: 'Did you mean "press-day"?' })],
      }),
    );
    for (const limitNanoUsd of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(ask({ limitNanoUsd })).toThrow(code("USAGE"));
    }
    expect(ask({ reason: "two\nlines" })).toThrow(code("USAGE"));
  });
});
