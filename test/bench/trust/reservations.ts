import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decideCall } from "@cohort/coordinator/src/budget/reserve.ts";
import { createCheckpointSigner } from "@cohort/coordinator/src/ledger/ledger.ts";
import { openSqliteLog } from "@cohort/coordinator/src/log/sqlite.ts";
import { emptyState } from "@cohort/coordinator/src/state/state.ts";
import { createWriter, type Writer } from "@cohort/coordinator/src/state/writer.ts";
import { printResults } from "../table.ts";

const signer = createCheckpointSigner(new Uint8Array(32).fill(7), "cohort/benchmark");
const concurrent = 1_000;
const priceNanoUsd = 10;
/** There is money for a third of the calls, and for half of one more. */
const limitNanoUsd = Math.floor(concurrent / 3) * priceNanoUsd + priceNanoUsd / 2;

/** Calls that reserve from one account at once, each durable before it would be made. */
export async function measureReservations(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "cohort-bench-"));
  try {
    const log = openSqliteLog({ path: join(folder, "events.db"), signer });
    const writer = createWriter({
      log,
      state: emptyState(),
      now: Date.now,
      listen: () => {},
      onFailure: (error) => {
        throw error;
      },
    });
    // The first append also prepares the statements, which is not what is measured.
    await define(writer);
    const begun = performance.now();
    const passed = (await Promise.all(reservations(writer))).filter(Boolean).length;
    const seconds = (performance.now() - begun) / 1_000;
    const sum = writer.state.budget.accounts.get("budget/all")?.values().next().value;
    await log.close();
    printResults(
      "reservations",
      [
        {
          what: `of ${concurrent} at once on one account, with money for ${Math.floor(limitNanoUsd / priceNanoUsd)}`,
          unit: "passed",
          value: passed,
          limit: Math.floor(limitNanoUsd / priceNanoUsd) + 1,
        },
        {
          what: "held beyond the account's limit",
          unit: "nano-USD",
          value: Math.max(0, (sum?.heldNanoUsd ?? Number.NaN) - limitNanoUsd),
          limit: 1,
        },
        { what: "decided and durable", unit: "reservations/s", value: concurrent / seconds },
      ],
      "-",
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function define(writer: Writer): Promise<void> {
  const budget = { scope: "mesh", window: "day", timezone: "UTC", warn_at: [50, 80, 100] };
  const definition = { kind: "budget", name: "all", ...budget, limit: limitNanoUsd };
  const resource = { kind: "budget", name: "all", version: "1" };
  const resources = [{ ...resource, definitionJson: JSON.stringify(definition) }];
  await writer.decide(() => ({
    events: [{ $case: "resourcesApplied", value: { actor: "benchmark", resources } }],
    value: undefined,
  }));
}

function reservations(writer: Writer): Promise<boolean>[] {
  return Array.from({ length: concurrent }, async (_, at) => {
    const decided = await writer.decide(({ budget }, nowMs) =>
      decideCall(
        budget,
        {
          call: `call-${at}`,
          attempt: { run: `run-${at % 100}`, step: "ask", instance: 0, attempt: 1 },
          ...{ workflow: "press", agent: "", node: "board", site: "", token: `token-${at}` },
          ...{ tokenSeq: at + 1, service: "desk", method: "POST", path: "/tickets" },
          bodyHash: new Uint8Array(32),
          worstCaseNanoUsd: priceNanoUsd,
          price: undefined,
          ...{ runCeilingNanoUsd: null, stepCeilingNanoUsd: null, above: [] },
        },
        nowMs,
      ),
    );
    return "call" in decided;
  });
}
