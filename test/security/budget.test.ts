import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refusalsOf } from "../kit/ledger-entries.ts";
import { codeOf, Probe } from "./probe.ts";

let probe: Probe;

beforeAll(async () => {
  probe = await Probe.start();
  await probe.mesh.apply([{ path: "spenders.yaml", text: spenders }]);
  await probe.mesh.startAgents({ board: {} });
});
afterAll(() => probe?.stop());

/** Gives each workflow money for one call and a half; a call costs 0.01 USD. */
const limitNanoUsd = 15_000_000;

/** What the console says of the workflow's budget: one call was paid, and nothing is held. */
async function expectOneCharge(budget: string): Promise<void> {
  const { budgets } = probe.mesh.client;
  const { budgets: lines } = await probe.mesh.client.call(budgets, budgets.list, {});
  expect(lines.filter(({ account }) => account === `budget/${budget}`)).toMatchObject([
    { limitNanoUsd, postedNanoUsd: 10_000_000, heldNanoUsd: 0 },
  ]);
}

describe("money for one call", () => {
  it("lets 1 of 50 out that two nodes ask for at once, and refuses 49 (66)", async () => {
    await probe.mesh.apply([budgetOf("probe")]);
    const reached = probe.desk.requests.length;
    const nodes = [await probe.node("spender-1"), await probe.node("spender-2")];
    const requests = await Promise.all(
      nodes.map(async (node) => {
        const { token } = await probe.assign(node);
        return Array.from({ length: 25 }, (_, at) => ({
          node,
          request: node.request(token, at + 1),
        }));
      }),
    );
    const replies = await Promise.all(
      requests.flat().map(({ node, request }) => node.proxy(request)),
    );
    const codes = replies.map(codeOf);
    expect(codes.filter((it) => it === "201")).toHaveLength(1);
    expect(codes.filter((it) => it === "BUDGET_EXHAUSTED")).toHaveLength(49);
    expect(probe.desk.requests).toHaveLength(reached + 1);
    const recorded = await Promise.all(nodes.map((node) => probe.refusals(node)));
    expect(recorded.flat()).toEqual(Array(49).fill("BUDGET_EXHAUSTED"));
    await expectOneCharge("probe");
  });

  it("lets none of 200 more out that one node asks for at once (66)", async () => {
    const reached = probe.desk.requests.length;
    const node = await probe.node("spender-3");
    const { token } = await probe.assign(node);
    const requests = Array.from({ length: 200 }, (_, at) => node.request(token, at + 1));
    const replies = await Promise.all(requests.map((request) => node.proxy(request)));
    // A node's share of the coordinator is bounded; what stands above it is not even looked at.
    const known = ["BUDGET_EXHAUSTED", "LIMIT_EXCEEDED"];
    expect(replies.map(codeOf).filter((it) => !known.includes(it))).toEqual([]);
    expect(probe.desk.requests).toHaveLength(reached);
    await expectOneCharge("probe");
  });

  it("lets 1 of 50 calls out of a step on a real agent that makes them all at once", async () => {
    const reached = probe.desk.requests.length;
    const run = await probe.mesh.ended(await probe.mesh.run("asker"));
    expect(run).toMatchObject({ state: "succeeded", reason: "" });
    const output: unknown = JSON.parse(run.steps[0]?.instances[0]?.outputJson ?? "null");
    expect(output).toEqual({ "201": 1, BUDGET_EXHAUSTED: 49 });
    expect(probe.desk.requests).toHaveLength(reached + 1);
    expect((await refusalsOf(probe.mesh, "board")).map(({ code }) => code)).toEqual(
      Array(49).fill("BUDGET_EXHAUSTED"),
    );
    await expectOneCharge("asker");
  });

  it("of a step lets 1 of 50 calls out that it makes at once, and none in its next attempt", async () => {
    const reached = probe.desk.requests.length;
    const run = await probe.mesh.ended(await probe.mesh.run("bounded"));
    const [instance] = run.steps[0]?.instances ?? [];
    expect(instance).toMatchObject({ attempt: 2, code: "STEP_EXIT" });
    expect(probe.desk.requests).toHaveLength(reached + 1);
    const account = `run/${run.run}/ask`;
    const held = run.charges.map(({ nanoUsd, holds }) => [nanoUsd, holds.map((it) => it.account)]);
    expect(held).toEqual([[10_000_000, [`run/${run.run}`, account]]]);
  });

  it("lets 1 of 50 runs of a call step succeed, and fails 49", async () => {
    const reached = probe.desk.requests.length;
    const started = await Promise.all(Array.from({ length: 50 }, () => probe.mesh.run("caller")));
    const runs = await Promise.all(started.map((run) => probe.mesh.ended(run)));
    expect(runs.filter(({ state }) => state === "succeeded")).toHaveLength(1);
    const codes = runs.flatMap(({ state, steps }) =>
      state === "failed" ? [steps[0]?.instances[0]?.code] : [],
    );
    expect(codes).toEqual(Array(49).fill("BUDGET_EXHAUSTED"));
    expect(probe.desk.requests).toHaveLength(reached + 1);
    expect((await refusalsOf(probe.mesh, "")).map(({ code }) => code)).toEqual(
      Array(49).fill("BUDGET_EXHAUSTED"),
    );
    await expectOneCharge("caller");
  });
});

function budgetOf(workflow: string): { path: string; text: string } {
  const scope = `scope: workflow/${workflow}\nwindow: month\nlimit: 0.015 USD`;
  return { path: `${workflow}-budget.yaml`, text: `kind: budget\nname: ${workflow}\n${scope}\n` };
}

const spenders = `kind: workflow
name: caller
steps:
  - id: ticket
    call: { service: desk, method: POST, path: /tickets, json: { title: loud } }
---
kind: workflow
name: asker
steps:
  - id: ask
    nodes: { select: "node.name == 'board'" }
    grants: { services: [desk] }
    script: |
      export default async ({ fetch }) => {
        const counts = {};
        const ask = async (at) => {
          const answer = await fetch("desk:/tickets", { method: "POST", body: { title: "t" + at } });
          const code = answer.ok ? String(answer.status) : (await answer.json()).code;
          counts[code] = (counts[code] ?? 0) + 1;
        };
        await Promise.all(Array.from({ length: 50 }, (_, at) => ask(at)));
        return counts;
      };
---
kind: workflow
name: bounded
steps:
  - id: ask
    nodes: { select: "node.name == 'board'" }
    grants: { services: [desk] }
    budget: 0.015 USD
    retry: { limit: 1 }
    script: |
      export default async ({ fetch }) => {
        const ask = () => fetch("desk:/tickets", { method: "POST", body: { title: "t" } });
        const all = await Promise.all(Array.from({ length: 50 }, ask));
        throw new Error(all.filter((it) => it.ok).length + " of 50");
      };
---
${budgetOf("caller").text}---
${budgetOf("asker").text}`;
