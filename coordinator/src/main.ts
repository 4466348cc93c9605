import { fileURLToPath } from "node:url";
import { type CohortError, formatProblem } from "@cohort/proto/problem";
import { cleanText, neutraliseLines } from "@cohort/proto/text";
import { type DestinationStream, type Logger, pino } from "pino";
import { createCoordinator } from "./coordinator.ts";
import { shieldMemory } from "./hardening/shield.ts";
import { DiskHangs } from "./log/commit-thread.ts";
import { logLimits } from "./log/limits.ts";
import { keepReserve } from "./log/reserve.ts";
import { type MachineKeySource, type Options, parseOptions } from "./options.ts";
import { initialise } from "./setup/setup.ts";
import { machineKeyCredential } from "./vault/machine-key.ts";
import { provideVault, provideVaultWith } from "./vault/provide-vault.ts";
import type { Vault } from "./vault/vault.ts";

/** Zone 2's process: `init` prepares its data folder, `run` serves until SIGTERM or SIGINT. */
async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  shieldMemory();
  // One JSON object a line on standard error; standard output is for the one line that says "ready".
  const log = pino({ name: "coordinator" }, cleanLog());
  const vault = await vaultOf(options.data, options.machineKey);
  if (options.command === "init") {
    const { natsConfigPath } = await initialise({
      ...options,
      dataDir: options.data,
      vault,
      nowMs: Date.now(),
    });
    vault.close();
    process.stdout.write(`${JSON.stringify({ natsConfig: natsConfigPath })}\n`);
    return;
  }
  await serve(options, vault, log);
}

function vaultOf(data: string, key: MachineKeySource): Promise<Vault> {
  if ("file" in key) return provideVault(data, key.file);
  return provideVaultWith(data, machineKeyCredential(key.credential, process.env));
}

async function serve(options: Options, vault: Vault, log: Logger): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
  const reserve = keepReserve(options.data);
  const coordinator = await createCoordinator({
    dataDir: options.data,
    vault,
    log,
    now: Date.now,
    commitProgram: fileURLToPath(new URL("commit-thread.mjs", import.meta.url)),
    onFailure: (error) => {
      // Memory may be ahead of the disk: only a new process, from the log, may go on.
      reserve.release();
      log.fatal({ err: error }, "the log cannot be written; the coordinator stops");
      setTimeout(() => end(error), logLimits.lastWordsMs);
    },
  });
  process.stdout.write(`${JSON.stringify({ ready: true, console: coordinator.console })}\n`);
  await stopped;
  await coordinator.close();
}

/** An orderly exit waits for threads, also for one that waits for a disk that is gone. */
function end(error: unknown): void {
  const hangs = error instanceof Error && error.cause instanceof DiskHangs;
  if (hangs) process.kill(process.pid, "SIGKILL");
  process.exit(1);
}

main().catch((error: unknown) => {
  const problems = (error as Partial<CohortError>).problems;
  const text =
    problems === undefined
      ? String((error as Error).stack ?? error)
      : problems.map(formatProblem).join("\n");
  process.stderr.write(`${neutraliseLines(text)}\n`);
  process.exitCode = (error as Partial<CohortError>).exit ?? 1;
});

/** Standard error, without what a line's texts would hide from its reader. */
function cleanLog(): DestinationStream {
  const standardError = pino.destination({ dest: 2, sync: true });
  return { write: (line) => void standardError.write(cleanText(line)) };
}
