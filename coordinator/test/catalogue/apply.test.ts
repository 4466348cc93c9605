import { limits } from "@cohort/proto/limits";
import { describe, expect, it } from "vitest";
import { emptyCatalogue } from "../../src/catalogue/catalogue.ts";
import { changesOf, changeViewsWithTexts } from "../../src/catalogue/changes.ts";
import { catalogueWriter, workflow } from "./catalogue-writer.ts";

const budget = "---\nkind: budget\nname: b\nscope: workflow/w\nwindow: day\nlimit: 1.00 USD\n";

describe("applying", () => {
  it("tells what is created, updated and unchanged, with the definitions before and after", async () => {
    const { apply } = catalogueWriter();
    expect(await apply(workflow("one") + budget)).toMatchObject([
      { name: "w", change: "created", before: "", after: workflow("one") },
      { name: "b", change: "created" },
    ]);
    expect(await apply(workflow("two") + budget)).toMatchObject([
      { name: "w", change: "updated", before: workflow("one"), after: workflow("two") },
      { name: "b", change: "unchanged", before: "", after: "" },
    ]);
  });

  it("leaves the definitions out where nobody asks for them", async () => {
    const { apply } = catalogueWriter();
    expect(await apply(workflow("one"), { withTexts: false })).toMatchObject([
      { change: "created", before: "", after: "" },
    ]);
  });

  it("says so where they would not fit the message", () => {
    const resource = (name: string, description: string) => ({
      kind: "service",
      name,
      version: description.slice(0, 8),
      definitionJson: JSON.stringify({ kind: "service", name, description }),
    });
    const before = emptyCatalogue();
    const names = ["a", "b", "c"];
    for (const name of names) before.current.set(`service/${name}`, resource(name, "old"));
    const size = limits.consoleMessageBytesMax / 4;
    const after = names.map((name) => resource(name, "n".repeat(size)));
    const views = changeViewsWithTexts(changesOf(before, after));
    expect(views.map(({ textsTooLarge }) => textsTooLarge)).toEqual([false, true, true]);
    expect(views[1]).toMatchObject({ change: "updated", before: "", after: "" });
  });

  it("changes nothing in a dry run, and nothing when one of the documents is wrong", async () => {
    const { apply, recorded } = catalogueWriter();
    expect(await apply(workflow("one"), { dryRun: true })).toMatchObject([{ change: "created" }]);
    await expect(apply(`${workflow("one")}---\nkind: budget\nname: b\n`)).rejects.toThrow();
    expect(recorded).toEqual([]);
    expect(await apply(workflow("one"))).toMatchObject([{ change: "created" }]);
  });

  it("records nothing where all stands already, however it is written", async () => {
    const { apply, recorded } = catalogueWriter();
    await apply(workflow("one"));
    const before = recorded.length;
    const same = "# the same\nkind: workflow\nname: w\nsteps: [{ timeout: 600s, run: one, id: a }]";
    expect(await apply(same)).toMatchObject([{ change: "unchanged" }]);
    expect(recorded.length).toBe(before);
  });
});
