import { describe, expect, it } from "vitest";
import { decideCall } from "../../src/budget/reserve.ts";
import { decideSettle } from "../../src/budget/settle.ts";
import { createCheckpointSigner } from "../../src/ledger/ledger.ts";
import { openMemoryLog } from "../../src/log/memory.ts";
import { emptyState } from "../../src/state/state.ts";
import { createWriter } from "../../src/state/writer.ts";
import { attemptKey, callRequest } from "./book.ts";

const settled = { status: 200, bytesOut: 0, bytesIn: 0, code: "", bodyHash: new Uint8Array() };

describe("1,000 reservations at once on one account", () => {
  it("never overspend it, also while calls end and others take what they leave (66)", async () => {
    const log = openMemoryLog({ signer: createCheckpointSigner(new Uint8Array(32), "test") });
    const writer = createWriter({
      log,
      state: emptyState(),
      now: () => Date.UTC(2026, 10, 22),
      listen: () => {},
      onFailure: (error) => {
        throw error;
      },
    });
    const definition = { scope: "mesh", window: "day", timezone: "UTC", limit: 95, warn_at: [] };
    const budget = { kind: "budget", name: "all" };
    const definitionJson = JSON.stringify({ ...budget, ...definition });
    const resources = [{ ...budget, version: "1", definitionJson }];
    await writer.decide(() => ({
      events: [{ $case: "resourcesApplied", value: { actor: "ann", resources } }],
      value: undefined,
    }));
    let most = 0;
    const look = () => {
      for (const sum of writer.state.budget.accounts.get("budget/all")?.values() ?? []) {
        most = Math.max(most, sum.postedNanoUsd + sum.heldNanoUsd);
      }
    };
    const calls = Array.from({ length: 1_000 }, async (_, at): Promise<number> => {
      const attempt = { ...attemptKey, run: `run-${at % 50}` };
      const decided = await writer.decide((state, nowMs) =>
        decideCall(state.budget, callRequest({ call: `${at}`, attempt }), nowMs),
      );
      look();
      if (!("call" in decided)) return 0;
      const actualNanoUsd = at % 2 === 0 ? 10 : 3;
      const by = { by: "usage", usage: undefined };
      await writer.decide((state) =>
        decideSettle(state.budget, { call: `${at}`, actualNanoUsd, ...settled, ...by }),
      );
      look();
      return actualNanoUsd;
    });
    const paid = (await Promise.all(calls)).reduce((a, b) => a + b, 0);
    expect(most).toBe(90);
    const [sum] = writer.state.budget.accounts.get("budget/all")?.values() ?? [];
    expect(sum).toMatchObject({ postedNanoUsd: paid, heldNanoUsd: 0 });
  });
});
