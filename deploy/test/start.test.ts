import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BudgetLine, Run } from "@cohort/proto/gen/cohort/console";
import { describe, expect, test } from "vitest";
import { layOutFactory } from "../src/start/factory.ts";
import { parseStartOptions } from "../src/start/options.ts";
import { runLines, spendingLines } from "../src/start/report.ts";
import { runChanges } from "../src/start/run-changes.ts";

const example = join(import.meta.dirname, "..", "examples", "factory");

describe("the laid-out example", () => {
  test("holds the resources with this machine's port, and the desk's authority", () => {
    const folder = mkdtempSync(join(tmpdir(), "cohort-factory-"));
    const desk = join(folder, "desk");
    mkdirSync(desk);
    writeFileSync(join(desk, "ca.pem"), "the authority");
    const place = { source: example, desk, folder: join(folder, "factory"), port: 12_345 };
    const files = layOutFactory(place);
    const text = (name: string) => files.find((it) => it.path.endsWith(name))?.text;
    expect(text("service.yaml")).toContain("base_url: https://localhost:12345\n");
    expect(text("ca.pem")).toBe("the authority");
    expect(text("workflow.yaml")).toBe(readFileSync(join(example, "workflow.yaml"), "utf8"));
    expect(readdirSync(place.folder).sort()).toEqual([
      "budget.yaml",
      "ca.pem",
      "service.yaml",
      "workflow.yaml",
    ]);
    rmSync(folder, { recursive: true });
  });
});

const running = Run.fromPartial({
  run: "01RUN",
  workflow: "press-vibration",
  state: "running",
  startedMs: 1000,
  steps: [
    {
      step: "sample",
      state: "running",
      instances: [
        { instance: 0, attempt: 1, node: "press-01", state: "running" },
        { instance: 1, attempt: 1, node: "press-02", state: "accepted" },
      ],
    },
    { step: "ticket", state: "waiting" },
  ],
});

describe("the live view", () => {
  test("begins with the run and tells every instance's state and node", () => {
    expect(runChanges(null, running)).toEqual([
      "run          running",
      "sample[0]    running    press-01",
      "sample[1]    accepted   press-02",
    ]);
  });

  test("tells only what changed, faults with their code", () => {
    const failed = structuredClone(running);
    const [sample, ticket] = failed.steps;
    Object.assign(sample?.instances[1] ?? {}, {
      state: "failed",
      attempt: 2,
      code: "STEP_EXIT",
      message: "exit status 1",
    });
    Object.assign(ticket ?? {}, { state: "skipped", reason: "sample failed" });
    Object.assign(failed, { state: "failed", reason: "sample failed" });
    expect(runChanges(running, failed)).toEqual([
      "sample[1]    failed     press-02 (attempt 2): STEP_EXIT exit status 1",
      "ticket       skipped    sample failed",
      "run          failed     sample failed",
    ]);
    expect(runChanges(failed, failed)).toEqual([]);
  });
});

describe("the report", () => {
  test("tells each step's node and result; a call was the coordinator's", () => {
    const ended = Run.fromPartial({
      ...running,
      state: "succeeded",
      endedMs: 1420,
      steps: [
        {
          step: "weigh",
          instances: [{ node: "gateway-box-01", state: "succeeded", outputJson: '{"n":2}' }],
        },
        { step: "ticket", instances: [{ node: "", state: "succeeded", outputJson: "" }] },
      ],
    });
    expect(runLines(ended)).toEqual([
      "",
      "run 01RUN of press-vibration succeeded in 0.42 s",
      '  weigh        gateway-box-01   {"n":2}',
      "  ticket       coordinator      (no output)",
    ]);
  });

  test("tells what was spent and how much of the budgets it was held against is used", () => {
    const { charges } = Run.fromPartial({
      charges: [
        {
          step: "ticket",
          service: "maintenance",
          state: "posted",
          nanoUsd: 2_000_000,
          holds: [{ account: "budget/press-vibration-day", window: "day/2026-11-22" }],
        },
      ],
    });
    const line = BudgetLine.fromPartial({
      account: "budget/press-vibration-day",
      window: "day/2026-11-22",
      limitNanoUsd: 1_000_000_000,
      postedNanoUsd: 4_000_000,
      heldNanoUsd: 0,
    });
    const run = { charges, limitNanoUsd: 200_000_000 };
    expect(spendingLines(run, [line, { ...line, account: "budget/other" }])).toEqual([
      "",
      "spent 0.002 USD of the run's 0.20 USD",
      "  ticket       maintenance      0.002 USD posted",
      "  budget/press-vibration-day    0.004 USD of 1.00 USD, day/2026-11-22",
    ]);
  });
});

test("npm start knows its options and refuses others", () => {
  expect(parseStartOptions(["--once", "--home", "/tmp/a"])).toEqual({
    once: true,
    help: false,
    home: "/tmp/a",
  });
  expect(() => parseStartOptions(["--onec"])).toThrow("--onec");
});
