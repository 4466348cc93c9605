import { ListRunsRequest } from "@cohort/proto/gen/cohort/console";
import { describe, expect, it } from "vitest";
import { queryRun, queryRuns } from "../../src/history/query-runs.ts";
import { openMemoryLog } from "../../src/log/memory.ts";
import { signer } from "../log/samples.ts";
import { createWorld } from "../scheduler/world.ts";

const workflows = ["one", "two"]
  .map((name) => `kind: workflow\nname: ${name}\nsteps:\n  - { id: a, run: "true" }\n`)
  .join("---\n");

/** Six runs, by turns of both workflows; those whose number is in `ended` have ended. */
async function setUp(ended: readonly number[]) {
  const log = openMemoryLog({ signer });
  const world = createWorld(workflows, log);
  await world.apply();
  await world.addNode("node-a", {}, 8);
  for (let at = 1; at <= 6; at++) {
    const { run } = await world.start(at % 2 === 1 ? "one" : "two");
    if (!ended.includes(at)) continue;
    await world.finish(run, "a", { outcome: at === 4 ? "failed" : "succeeded" });
  }
  const list = async (request: Partial<ListRunsRequest>) => {
    const full = ListRunsRequest.fromPartial(request);
    const { runs, next } = await queryRuns(world.writer, log.history, full);
    return { runs: runs.map((it) => it.run), next };
  };
  return { world, log, list };
}

describe("the list of runs", () => {
  it("merges runs that go on with those that ended, the newest first", async () => {
    const { list } = await setUp([1, 4, 5]);
    const { runs, next } = await list({});
    expect(runs).toEqual(["run6", "run5", "run4", "run3", "run2", "run1"]);
    expect(next).toBe("");
  });

  it("goes on where it ended, page by page, until nothing is left", async () => {
    const { list } = await setUp([1, 2, 4, 6]);
    const pages: string[][] = [];
    for (let before: string | null = ""; before !== null; ) {
      const { runs, next }: { runs: string[]; next: string } = await list({ limit: 2, before });
      pages.push(runs);
      before = next === "" ? null : next;
    }
    expect(pages).toEqual([
      ["run6", "run5"],
      ["run4", "run3"],
      ["run2", "run1"],
    ]);
  });

  it("shows those of a workflow and of a state alone", async () => {
    const { list } = await setUp([1, 4, 5]);
    expect((await list({ workflow: "two" })).runs).toEqual(["run6", "run4", "run2"]);
    expect((await list({ state: "failed" })).runs).toEqual(["run4"]);
    expect((await list({ state: "running" })).runs).toEqual(["run6", "run3", "run2"]);
    expect((await list({ state: "succeeded", workflow: "two" })).runs).toEqual([]);
  });

  it.each([{ state: "suceeded" }, { before: "last week" }, { before: "-1" }])(
    "refuses %o",
    async (request) => {
      const { list } = await setUp([]);
      await expect(list(request)).rejects.toMatchObject({ code: "USAGE" });
    },
  );
});

describe("a run", () => {
  it("is found while it goes on and after it ended, and refused when it is unknown", async () => {
    const { world, log } = await setUp([1]);
    const retention = { maxAgeMs: 36 * 60 * 60_000, maxRuns: 50 };
    const query = (run: string) => queryRun(world.writer, log.history, retention, run);
    expect(await query("run1")).toMatchObject({ state: "succeeded" });
    expect(await query("run2")).toMatchObject({ state: "running" });
    const hint =
      "`cohort runs` lists runs. Finished runs are kept for 1d12h, the latest 50 at most.";
    await expect(query("run7")).rejects.toMatchObject({
      problems: [{ code: "RUN_UNKNOWN", hint }],
    });
  });
});
