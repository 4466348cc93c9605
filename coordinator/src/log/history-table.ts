import type { Charge } from "@cohort/proto/gen/cohort/console";
import type { Hold } from "@cohort/proto/gen/cohort/ledger";
import type Database from "better-sqlite3";
import type { FinishedHead, FinishedRun, HistoryChange, HistoryQuery } from "../history/history.ts";
import { historyLimits } from "../history/limits.ts";
import { type EndedRun, overAmong } from "../history/retention.ts";
import type { HistoryStore } from "./history-store.ts";

/**
 * The tables `finished_runs` and `run_charges`, and in `projections` how far they go. They follow
 * from the entries, so they come and go without a version of the file.
 */
export const historyTables = `
  CREATE TABLE IF NOT EXISTS projections (
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    seq INTEGER NOT NULL
  ) STRICT;
  INSERT INTO projections (name, version, seq) VALUES ('history', 0, 0) ON CONFLICT DO NOTHING;
  CREATE TABLE IF NOT EXISTS finished_runs (
    seq INTEGER PRIMARY KEY,
    run TEXT NOT NULL UNIQUE,
    workflow TEXT NOT NULL,
    state TEXT NOT NULL,
    started_seq INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL,
    idempotency_key TEXT NOT NULL,
    head BLOB NOT NULL,
    detail BLOB NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS finished_runs_by_start
    ON finished_runs (started_seq, workflow, state);
  CREATE INDEX IF NOT EXISTS finished_runs_by_key
    ON finished_runs (idempotency_key) WHERE idempotency_key <> '';
  CREATE TABLE IF NOT EXISTS run_charges (
    run TEXT NOT NULL,
    at INTEGER NOT NULL,
    call TEXT NOT NULL UNIQUE,
    step TEXT NOT NULL,
    service TEXT NOT NULL,
    state TEXT NOT NULL,
    nano_usd INTEGER NOT NULL,
    holds_json TEXT NOT NULL,
    PRIMARY KEY (run, at)
  ) STRICT;
`;

/** The store's part of a table, whose removals are done at once. */
export interface HistoryTable extends Omit<HistoryStore, "removeLogs"> {
  readonly removeLogs: (runs: readonly string[]) => boolean;
}

/** `removeLogs` is StepLogTable's. */
export function createHistoryTable(
  database: Database.Database,
  removeLogs: (run: string, count: number) => number,
): HistoryTable {
  const extent = database.prepare<[], { version: number; seq: number }>(
    "SELECT version, seq FROM projections WHERE name = 'history'",
  );
  const reach = database.prepare("UPDATE projections SET seq = ? WHERE name = 'history'");
  const restart = database.prepare(
    "UPDATE projections SET seq = 0, version = ? WHERE name = 'history'",
  );
  const { apply } = prepareChanges(database);
  const queries = prepareQueries(database);
  return {
    extent: () => extent.get() as { version: number; seq: number },
    write(changes, seq) {
      for (const change of changes) apply(change);
      reach.run(seq);
    },
    reset: database.transaction((version: number) => {
      database.exec("DELETE FROM run_charges; DELETE FROM finished_runs;");
      restart.run(version);
    }),
    ...prepareEnd(database, removeLogs),
    ...queries,
  };
}

interface ChargeRow extends Omit<Charge, "holds"> {
  readonly holdsJson: string;
}

function prepareChanges(database: Database.Database) {
  const insertRun = database.prepare(`
    INSERT OR REPLACE INTO finished_runs VALUES (@seq, @run, @workflow, @state, @startedSeq,
      @startedMs, @endedMs, @idempotencyKey, @head, @detail)
  `);
  const insertCharge = database.prepare(`
    INSERT OR REPLACE INTO run_charges
    VALUES (@run, @at, @call, @step, @service, @state, @nanoUsd, @holdsJson)
  `);
  const settle = database.prepare(`
    UPDATE run_charges SET state = @state, nano_usd = COALESCE(@nanoUsd, nano_usd)
    WHERE call = @call AND state NOT IN ('posted', 'voided')
  `);
  const removeRun = database.prepare("DELETE FROM finished_runs WHERE run = ?");
  const removeCharges = database.prepare("DELETE FROM run_charges WHERE run = ?");
  return {
    apply(change: HistoryChange) {
      if (change.kind === "charged") return void settle.run(change);
      if (change.kind === "removed") {
        for (const run of change.runs) {
          removeCharges.run(run);
          removeRun.run(run);
        }
        return;
      }
      const { charges, ...row } = change.row;
      insertRun.run(row);
      for (const [at, { holds, ...charge }] of charges.entries()) {
        insertCharge.run({ ...charge, run: row.run, at, holdsJson: JSON.stringify(holds) });
      }
    },
  };
}

function prepareEnd(
  database: Database.Database,
  removeLogs: (run: string, count: number) => number,
): Pick<HistoryTable, "over" | "removeLogs"> {
  const { chunksRemovedMax, runsRemovedMax } = historyLimits;
  const count = database.prepare<[], number>("SELECT count(*) FROM finished_runs").pluck();
  const first = database.prepare<[], EndedRun>(
    `SELECT run, started_seq AS startedSeq, seq, ended_ms AS endedMs
     FROM finished_runs ORDER BY seq LIMIT ${runsRemovedMax}`,
  );
  const removeSome = database.transaction((runs: readonly string[]) => {
    let left: number = chunksRemovedMax;
    for (const run of runs) {
      left -= removeLogs(run, left);
      if (left === 0) return false;
    }
    return true;
  });
  return {
    over: (retention, nowMs) => overAmong(first.all(), count.get() ?? 0, retention, nowMs),
    removeLogs: (runs) => removeSome.immediate(runs),
  };
}

function prepareQueries(
  database: Database.Database,
): Pick<HistoryStore, "find" | "list" | "startedWith"> {
  const selectRun = database.prepare<[string], Omit<FinishedRun, "charges">>(`
    SELECT seq, run, workflow, state, started_seq AS startedSeq, started_ms AS startedMs,
      ended_ms AS endedMs, idempotency_key AS idempotencyKey, head, detail
    FROM finished_runs WHERE run = ?
  `);
  const selectCharges = database.prepare<[string], ChargeRow>(`
    SELECT call, step, service, state, nano_usd AS nanoUsd, holds_json AS holdsJson
    FROM run_charges WHERE run = ? ORDER BY at
  `);
  const selectHeads = database.prepare<[HistoryQuery], FinishedHead>(`
    SELECT seq, run, started_seq AS startedSeq, head
    FROM finished_runs INDEXED BY finished_runs_by_start
    WHERE started_seq < @startedBefore
      AND (@workflow = '' OR workflow = @workflow) AND (@state = '' OR state = @state)
    ORDER BY started_seq DESC LIMIT @count
  `);
  const selectKey = database.prepare<[string], { run: string }>(`
    SELECT run FROM finished_runs WHERE idempotency_key = ? AND idempotency_key <> ''
    ORDER BY seq DESC LIMIT 1
  `);
  return {
    find(run) {
      const row = selectRun.get(run);
      if (row === undefined) return null;
      const charges = selectCharges
        .all(run)
        .map(({ holdsJson, ...rest }) => ({ ...rest, holds: JSON.parse(holdsJson) as Hold[] }));
      return { ...row, charges };
    },
    list: (query) => selectHeads.all(query),
    startedWith: (key) => selectKey.get(key)?.run ?? null,
  };
}
