import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeClock } from "../kit/fake-clock.ts";
import { ledgerEntries } from "../kit/ledger-entries.ts";
import { Probe } from "./probe.ts";

let clock: FakeClock;
let probe: Probe;
/** The first moment of the next month, in UTC. */
const now = new Date();
const border = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);

beforeAll(async () => {
  clock = await FakeClock.create();
  probe = await Probe.start({ environment: clock.environment });
  await probe.mesh.apply([{ path: "caller.yaml", text: caller }]);
});
afterAll(async () => {
  await probe?.stop();
  clock?.remove();
});

/** How a call of the coordinator's own ends: it needs no proof of a node, whose clock would be another. */
async function outcomeOfCall(): Promise<string> {
  const run = await probe.mesh.ended(await probe.mesh.run("caller"));
  return run.steps[0]?.instances[0]?.code || run.state;
}

/** Windows that the calls of the ledger hold money in, of each the day's and the month's. */
async function windows(): Promise<string[][]> {
  return (await ledgerEntries(probe.mesh)).flatMap(({ event }) =>
    event?.$case === "callIntended"
      ? [event.value.holds.map(({ window }) => window).filter((it) => it !== "run")]
      : [],
  );
}

async function lines() {
  const { budgets } = probe.mesh.client;
  const reply = await probe.mesh.client.call(budgets, budgets.list, {});
  return reply.budgets.map(({ account, window, postedNanoUsd, heldNanoUsd }) => [
    ...[account, window, postedNanoUsd, heldNanoUsd],
  ]);
}

const dayOf = (atMs: number) => `day/${new Date(atMs).toISOString().slice(0, 10)}`;
const monthOf = (atMs: number) => `month/${new Date(atMs).toISOString().slice(0, 7)}`;
const cost = 10_000_000;

describe("the end of a day and of a month (74)", () => {
  it("gives new money once, and a call that is out across it is charged where it began", async () => {
    clock.set(border - 20_000);
    const held = probe.desk.hold();
    const crossing = await probe.mesh.run("caller");
    await held.reached;
    expect(await outcomeOfCall()).toBe("BUDGET_EXHAUSTED");
    clock.set(border + 1_000);
    expect(await outcomeOfCall()).toBe("succeeded");
    expect(await outcomeOfCall()).toBe("BUDGET_EXHAUSTED");
    held.answer();
    expect(await probe.mesh.ended(crossing)).toMatchObject({ state: "succeeded" });
    expect(await windows()).toEqual([
      [dayOf(border - 1), monthOf(border - 1)],
      [dayOf(border), monthOf(border)],
    ]);
    expect(await lines()).toEqual([
      ["budget/daily", dayOf(border), cost, 0],
      ["budget/monthly", monthOf(border), cost, 0],
    ]);
    expect(await outcomeOfCall()).toBe("BUDGET_EXHAUSTED");
  });
});

describe("a clock that is set back (76)", () => {
  it("opens no window again that was over, nor does the coordinator's next start", async () => {
    // From here on the days decide alone: those that were before have money, and the one that is has none.
    const raised = ["budget", "set", "monthly", "--limit", "0.095 USD"];
    expect(await probe.mesh.cohort(...raised)).toMatchObject({ exit: 0 });
    const reached = probe.desk.requests.length;
    for (const atMs of [border - 3_600_000, border - 2 * 86_400_000, Date.now() + 5_000]) {
      clock.set(atMs);
      expect(await outcomeOfCall(), new Date(atMs).toISOString()).toBe("BUDGET_EXHAUSTED");
    }
    const coordinator = probe.mesh.program("coordinator");
    await coordinator.kill("SIGKILL");
    await coordinator.start();
    expect(await outcomeOfCall()).toBe("BUDGET_EXHAUSTED");
    expect(probe.desk.requests).toHaveLength(reached);
    expect(await windows()).toHaveLength(2);
    clock.set(border + 86_400_000 + 1_000);
    expect(await outcomeOfCall()).toBe("succeeded");
    expect((await windows()).at(-1)).toEqual([dayOf(border + 86_400_000), monthOf(border)]);
  });
});

const caller = `kind: workflow
name: caller
steps:
  - id: ticket
    call: { service: desk, method: POST, path: /tickets, json: { title: t } }
---
kind: budget
name: daily
scope: workflow/caller
window: day
limit: 0.015 USD
---
kind: budget
name: monthly
scope: workflow/caller
window: month
limit: 0.015 USD
`;
