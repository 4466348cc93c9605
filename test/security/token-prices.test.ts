import type { ReconcileRequest } from "@cohort/proto/gen/cohort/console";
import type { CallIntended, CallSettled, CallUncertain } from "@cohort/proto/gen/cohort/ledger";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ledgerEntries } from "../kit/ledger-entries.ts";
import { LlmDesk, type Manner } from "../kit/llm-desk.ts";
import { TestMesh } from "../kit/mesh.ts";
import { RogueNode } from "../kit/rogue-node.ts";
import { codeOf } from "./probe.ts";

let mesh: TestMesh;
let desk: LlmDesk;
let node: RogueNode;
let token = "";
let seq = 0;

beforeAll(async () => {
  mesh = await TestMesh.start();
  desk = await LlmDesk.start(mesh);
  await mesh.apply([{ path: "asker.yaml", text: asker }]);
  node = await RogueNode.start(mesh, "thrifty");
  await assign();
});
afterAll(async () => {
  await node?.close();
  await desk?.stop();
  await mesh?.stop();
});

async function assign(): Promise<void> {
  const run = await mesh.run("asker");
  const { token: delivered } = await node.assigned(run, "ask");
  token = delivered?.token ?? "";
  seq = 0;
}

/** A streamed chat with the model, as a node would ask for it. */
function chat(model: Manner | "unheard", more: object = {}) {
  const body = { model, messages: [{ role: "user", content: "hello" }], stream: true, ...more };
  return node.request(token, ++seq, {
    service: "llm",
    path: "/v1/chat/completions",
    body: Buffer.from(JSON.stringify(body)),
  });
}

/** What the ledger has of the latest call, once it has ended. */
async function latest() {
  let intended: CallIntended | undefined;
  let settled: CallSettled | undefined;
  let uncertain: CallUncertain | undefined;
  await mesh.until(async () => {
    [intended, settled, uncertain] = [undefined, undefined, undefined];
    for (const { event } of await ledgerEntries(mesh)) {
      if (event?.$case === "callIntended") {
        [intended, settled, uncertain] = [event.value, undefined, undefined];
      }
      if (event?.$case === "callSettled") settled = event.value;
      if (event?.$case === "callUncertain") uncertain = event.value;
    }
    return settled !== undefined || uncertain !== undefined;
  });
  return { reserved: intended?.reservedNanoUsd ?? 0, intended, settled, uncertain };
}

describe("a provider that is paid by token", () => {
  it("is paid what it says that it used, at the prices that the intent has recorded", async () => {
    expect(codeOf(await node.proxy(chat("honest")))).toBe("200");
    const { reserved, intended, settled } = await latest();
    expect(settled).toMatchObject({ actualNanoUsd: 10 + 5 * 10, by: "usage" });
    expect(settled?.usage).toMatchObject({ input: 10, output: 5, model: "honest" });
    expect(reserved).toBeGreaterThan(60);
    expect(intended?.price).toMatchObject({
      model: "honest",
      input: 1_000_000,
      output: 10_000_000,
      outputTokensMax: 100,
    });
    expect(intended?.price?.table).toHaveLength(32);
  });

  it("is asked for one bounded answer with its usage, whatever the node says (72)", async () => {
    const greedy = { n: 100, max_tokens: 10 ** 9, stream_options: { include_usage: false } };
    await node.proxy(chat("honest", greedy));
    expect(desk.asked.at(-1)).toMatchObject({
      n: 1,
      max_tokens: 100,
      stream_options: { include_usage: true },
    });
  });

  it.each(["mute", "negative"] as const)(
    "is paid the worst case where its usage is none: %s (69, 70)",
    async (manner) => {
      await node.proxy(chat(manner));
      const { reserved, settled } = await latest();
      expect(settled).toMatchObject({ actualNanoUsd: reserved, by: "hold" });
    },
  );

  it("is paid once for usage that it tells twice (70)", async () => {
    await node.proxy(chat("twice"));
    expect((await latest()).settled).toMatchObject({ actualNanoUsd: 60, by: "usage" });
  });

  it.each(["switched", "priority"] as const)(
    "leaves the charge open where the answer has no known price: %s (71)",
    async (manner) => {
      expect(codeOf(await node.proxy(chat(manner)))).toBe("200");
      const { reserved, intended, settled, uncertain } = await latest();
      expect([settled, uncertain?.call]).toEqual([undefined, intended?.call]);
      const call = intended?.call ?? "";
      const shown = await mesh.cohort("budget");
      expect(shown.stdout).toContain(call);
      const done = await mesh.cohort("budget", "reconcile", call, "--charge-hold");
      expect(done.exit).toBe(0);
      expect((await mesh.cohort("budget")).stdout).not.toContain(call);
      const again = await mesh.cohort("budget", "reconcile", call, "--void");
      expect([again.exit, again.stderr]).toEqual([
        4,
        expect.stringContaining("CALL_NOT_UNCERTAIN"),
      ]);
      expect(reserved).toBeGreaterThan(0);
    },
  );

  it("is not asked for a model without a price, nor for what has none (75)", async () => {
    const asked = desk.asked.length;
    for (const request of [
      chat("unheard"),
      chat("honest", { tools: [{ type: "web_search" }] }),
      chat("honest", { service_tier_of_tomorrow: "dear" }),
    ]) {
      expect(codeOf(await node.proxy(request))).toBe("PRICE_UNKNOWN");
    }
    expect(desk.asked).toHaveLength(asked);
  });

  it.each(["silent", "slow"] as const)(
    "is paid the worst case where the caller goes before its usage came: %s (68)",
    async (manner) => {
      const [asked, left] = [desk.asked.length, desk.left];
      const call = node.call(chat(manner));
      await mesh.until(async () => desk.asked.length > asked);
      if (manner === "slow") await call.until((it) => it.some(({ body }) => body.length > 0));
      call.say({ $case: "cancelled", value: {} });
      const { reserved, settled } = await latest();
      expect(settled).toMatchObject({ actualNanoUsd: reserved, by: "hold" });
      await mesh.until(async () => desk.left > left);
    },
  );

  it("is cut off where it says more than it was paid for", async () => {
    const left = desk.left;
    const { problems } = await node.proxy(chat("endless"));
    expect(problems).toHaveLength(1);
    const { reserved, settled } = await latest();
    expect(settled).toMatchObject({ actualNanoUsd: reserved, by: "hold" });
    expect(settled?.bytesIn).toBeLessThan(1_000_000);
    await mesh.until(async () => desk.left > left);
  });

  it("is believed that it billed more than was held, which blocks the budget (70)", async () => {
    const text =
      "kind: budget\nname: chats\nscope: workflow/asker\nwindow: day\nlimit: 0.001 USD\n";
    await mesh.apply([{ path: "chats.yaml", text }]);
    await node.proxy(chat("huge"));
    expect((await latest()).settled).toMatchObject({ actualNanoUsd: 10 + 10_000_000, by: "usage" });
    expect(codeOf(await node.proxy(chat("honest")))).toBe("BUDGET_EXHAUSTED");
    const set = await mesh.cohort("budget", "set", "chats", "--limit", "1.00 USD");
    expect(set.exit).toBe(0);
    expect(codeOf(await node.proxy(chat("honest")))).toBe("200");
    const changed = (await ledgerEntries(mesh)).flatMap(({ event }) =>
      event?.$case === "budgetChanged" && event.value.beforeJson !== "" ? [event.value] : [],
    );
    expect(changed).toMatchObject([{ budget: "chats" }]);
  });
});

describe("kill -9 of the coordinator", () => {
  it("while a call is out keeps its hold until an operator says what it cost (67)", async () => {
    const asked = desk.asked.length;
    const before = await heldOn("chats");
    node.call(chat("silent"));
    await mesh.until(async () => desk.asked.length > asked);
    await mesh.program("coordinator").kill("SIGKILL");
    await mesh.program("coordinator").start();
    await mesh.until(async () => (await heldOn("chats")) > before);
    const { uncertain, reserved } = await latest();
    expect((await heldOn("chats")) - before).toBe(reserved);
    const actual = await mesh.cohort(
      ...["budget", "reconcile", uncertain?.call ?? "", "--actual", "0.000000007 USD"],
    );
    expect(actual.exit).toBe(0);
    expect(await heldOn("chats")).toBe(before);
  });
});

describe("a call that is settled", () => {
  it("is so once: of those who settle it at once one does, and nobody ever again (73)", async () => {
    const asked = desk.asked.length;
    const [heldBefore, postedBefore] = [await heldOn("chats"), await postedOn("chats")];
    node.call(chat("silent"));
    await mesh.until(async () => desk.asked.length > asked);
    await mesh.program("coordinator").kill("SIGKILL");
    await mesh.program("coordinator").start();
    await mesh.until(async () => (await heldOn("chats")) > heldBefore);
    const { uncertain, reserved } = await latest();
    const call = uncertain?.call ?? "";
    const { budgets } = mesh.client;
    const settle = (outcome: ReconcileRequest["outcome"]) =>
      mesh.client
        .call(budgets, budgets.reconcile, { call, outcome, reason: "" })
        .then(({ actualNanoUsd }) => actualNanoUsd)
        .catch((error: Error & { code: string }) => error.code);
    const actual = { $case: "actualNanoUsd", value: 7 } as const;
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => settle(actual)));
    expect(outcomes.filter((it) => it === 7)).toHaveLength(1);
    expect(outcomes.filter((it) => it === "CALL_NOT_UNCERTAIN")).toHaveLength(9);
    const settled = async () => {
      const told = (await ledgerEntries(mesh)).flatMap(({ event }) =>
        (event?.$case === "callReconciled" || event?.$case === "callSettled") &&
        event.value.call === call
          ? [event.$case]
          : [],
      );
      expect(told).toEqual(["callReconciled"]);
      expect(await heldOn("chats")).toBe(heldBefore);
      expect(await postedOn("chats")).toBe(postedBefore + 7);
    };
    await settled();
    expect(await settle({ $case: "voided", value: true })).toBe("CALL_NOT_UNCERTAIN");
    expect(await settle({ $case: "chargeHold", value: true })).toBe("CALL_NOT_UNCERTAIN");
    await mesh.program("coordinator").kill("SIGKILL");
    await mesh.program("coordinator").start();
    await mesh.until(async () => (await heldOn("chats")) >= 0);
    expect(await settle({ $case: "voided", value: true })).toBe("CALL_NOT_UNCERTAIN");
    await settled();
    expect(reserved).toBeGreaterThan(7);
  });

  it("by its answer can be voided by nobody (73)", async () => {
    await node.hello();
    expect(codeOf(await node.proxy(chat("honest")))).toBe("200");
    const { intended } = await latest();
    const posted = await postedOn("chats");
    const voided = await mesh.cohort("budget", "reconcile", intended?.call ?? "", "--void");
    expect([voided.exit, voided.stderr]).toEqual([
      4,
      expect.stringContaining("CALL_NOT_UNCERTAIN"),
    ]);
    expect(await postedOn("chats")).toBe(posted);
  });
});

async function lineOf(budget: string) {
  const { budgets } = mesh.client;
  const { budgets: lines } = await mesh.client.call(budgets, budgets.list, {});
  return lines.find(({ account }) => account === `budget/${budget}`);
}

async function postedOn(budget: string): Promise<number> {
  return (await lineOf(budget))?.postedNanoUsd ?? 0;
}

async function heldOn(budget: string): Promise<number> {
  return (await lineOf(budget))?.heldNanoUsd ?? 0;
}

const asker = `kind: workflow
name: asker
steps:
  - id: ask
    nodes: { select: "node.name == 'thrifty'" }
    command: ["true"]
    grants: { services: [llm] }
`;
