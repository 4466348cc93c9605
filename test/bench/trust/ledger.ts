import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "@cohort/coordinator/src/ledger/crypto.ts";
import { GrowingTree } from "@cohort/coordinator/src/ledger/hash-rows.ts";
import { createCheckpointSigner, exportLedger } from "@cohort/coordinator/src/ledger/ledger.ts";
import { proveEntry } from "@cohort/coordinator/src/ledger/proofs.ts";
import { startCommitThread } from "@cohort/coordinator/src/log/commit-thread.ts";
import { signTree } from "@cohort/coordinator/src/log/committer.ts";
import { openDatabase } from "@cohort/coordinator/src/log/database.ts";
import { createHashRowTable, hashRowTables } from "@cohort/coordinator/src/log/hash-row-table.ts";
import {
  createLeafStore,
  droppedTables,
  leafTables,
} from "@cohort/coordinator/src/log/leaf-store.ts";
import type { EventLog } from "@cohort/coordinator/src/log/log.ts";
import { openSqliteLog } from "@cohort/coordinator/src/log/sqlite.ts";
import { repository } from "@cohort/deploy/setup/paths.mjs";
import { verifyExport } from "@cohort/gateway/console/cli/commands/ledger-check.ts";
import { exportFromFile, exportLines } from "@cohort/gateway/console/cli/commands/ledger-export.ts";
import type { Entry } from "@cohort/proto/gen/cohort/ledger";
import { textLeafHash } from "@cohort/proto/ledger/merkle";
import { printResults } from "../table.ts";

const seed = new Uint8Array(32).fill(7);
const signer = createCheckpointSigner(seed, "cohort/benchmark");

/** Appending, offline verification and inclusion proofs. `--leaves N` for another size of the last. */
export async function measureLedger(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "cohort-bench-"));
  try {
    const appended = await measureAppend(join(folder, "append.db"));
    const file = join(folder, "ledger.jsonl");
    const verified = await measureVerify(appended.log, file);
    await appended.log.close();
    const leaves = Number(process.argv[process.argv.indexOf("--leaves") + 1]) || 10_000_000;
    const proofs = measureProofs(join(folder, "proofs.db"), leaves);
    printResults(
      "ledger",
      [
        {
          what: "append, batches of 1,000, durable",
          unit: "leaves/s",
          value: appended.perSecond,
          least: 30_000,
        },
        { what: "the same, of two threads", unit: "µs of processor/leaf", value: appended.cost },
        {
          what: "offline verification of an export",
          unit: "leaves/s",
          value: verified.perSecond,
          least: 100_000,
        },
        { what: "the same", unit: "µs of processor/leaf", value: verified.cost },
        {
          what: `inclusion proof of ${leaves} leaves, p50`,
          unit: "ms",
          value: proofs.p50,
          limit: 1,
        },
        {
          what: `inclusion proof of ${leaves} leaves, p99`,
          unit: "ms",
          value: proofs.p99,
          limit: 1,
        },
        { what: "the same, p99", unit: "ms of processor", value: proofs.cost },
      ],
      "",
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const batchEntries = 1000;
const batches = 200;

/** `cost` is the processor time that one leaf took, in µs, which other programs disturb less. */
interface Rate {
  readonly perSecond: number;
  readonly cost: number;
}

async function rateOf(leaves: number, work: () => Promise<void>): Promise<Rate> {
  const before = process.cpuUsage();
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { perSecond: leaves / seconds, cost: (user + system) / leaves };
}

async function measureAppend(path: string): Promise<Rate & { readonly log: EventLog }> {
  const program = join(repository, "test/dist/commit-thread-process.mjs");
  const log = openSqliteLog({
    path,
    signer,
    startThread: (edge) => startCommitThread(program, { path, seed, name: signer.name, edge }),
  });
  await log.append(entriesFrom(1));
  const rate = await rateOf(batches * batchEntries, async () => {
    let last: Promise<void> = Promise.resolve();
    for (let batch = 1; batch <= batches; batch++) {
      // One is on its way while the next is made, as in the coordinator.
      const next = log.append(entriesFrom(batch * batchEntries + 1));
      await last;
      last = next;
    }
    await last;
  });
  return { log, ...rate };
}

/** As steps end, with what they say. */
function entriesFrom(seq: number): Entry[] {
  return Array.from({ length: batchEntries }, (_, at) => ({
    seq: seq + at,
    atMs: 1_700_000_000_000 + seq + at,
    event: {
      $case: "attemptEnded" as const,
      value: {
        attempt: { run: "01KAQ3V5T0Z8R9W2XN4M6P7Q8S", step: "sample", instance: at, attempt: 1 },
        result: {
          outcome: "succeeded",
          code: "",
          exit: 0,
          message: "",
          outputJson: '{"rms":6.25}',
          usage: {
            ...{ cpuMs: 12, memoryPeakBytes: 1_048_576, wallMs: 31 },
            ...{ bytesIn: 0, bytesOut: 0, deviceReads: [] },
          },
          killed: undefined,
        },
        nodeSeq: seq + at,
        nodeStartedMs: 0,
      },
    },
  }));
}

async function measureVerify(log: EventLog, file: string): Promise<Rate> {
  const { checkpoint, chunks, size } = exportLedger(log);
  const lines: string[] = [];
  const ledger = {
    checkpoint,
    verifierKey: signer.verifierKey,
    chunks: (async function* () {
      yield* chunks;
    })(),
  };
  for await (const line of exportLines(ledger)) lines.push(line);
  writeFileSync(file, `${lines.join("\n")}\n`);
  return rateOf(size, async () => {
    const verdict = await verifyExport(await exportFromFile(file), signer.verifierKey);
    if (!verdict.ok) throw new Error(verdict.reason);
  });
}

/** Of a synthetic log: what its entries say does not matter to a proof. */
function measureProofs(
  path: string,
  leaves: number,
): { readonly p50: number; readonly p99: number; readonly cost: number } {
  const database = openDatabase({ path, schemaVersion: 1, create: (it) => it.exec(leafTables) });
  database.exec(droppedTables + hashRowTables);
  database.pragma("journal_mode = OFF");
  database.pragma("synchronous = OFF");
  const store = createLeafStore(database);
  const rows = createHashRowTable(database);
  const tree = new GrowingTree();
  const fill = database.transaction((from: number, to: number) => {
    for (let seq = from; seq <= to; seq++) {
      const json = `{"at_ms":${seq},"seq":${seq},"text":"what is recorded takes about this much room"}`;
      const leafHash = textLeafHash(sha256, json);
      tree.append(leafHash);
      store.insert(seq, { json, leafHash });
    }
    for (const row of [...tree.takeFull(), ...tree.takeGrown()]) rows.write(row);
  });
  for (let from = 1; from <= leaves; from += 100_000) {
    fill(from, Math.min(leaves, from + 99_999));
    if (from % 1_000_000 === 1) process.stderr.write(`${from - 1} of ${leaves} leaves made\n`);
  }
  const { note } = signTree(tree, signer);
  const log = {
    size: leaves,
    checkpoint: () => note,
    leaves: store.rows,
    hashes: (level: number, number: number) =>
      level === 0 ? store.hashes(number) : rows.read(level, number),
  };
  // As the coordinator reads it.
  database.pragma("journal_mode = WAL");
  const proofs = Array.from({ length: 5000 }, () => {
    const seq = 1 + Math.floor(Math.random() * leaves);
    const before = process.cpuUsage();
    const start = performance.now();
    proveEntry(log, seq);
    const time = performance.now() - start;
    const { user, system } = process.cpuUsage(before);
    return { time, cost: (user + system) / 1000 };
  });
  database.close();
  const at = (share: number, what: "time" | "cost") =>
    proofs.map((it) => it[what]).sort((one, other) => one - other)[
      Math.floor(proofs.length * share)
    ] as number;
  return { p50: at(0.5, "time"), p99: at(0.99, "time"), cost: at(0.99, "cost") };
}
