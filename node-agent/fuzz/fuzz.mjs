// npm run fuzz -- --seconds N [--target NAME]...: fuzzes each parser of the agent for N seconds.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildFuzzer } from "../toolchain/fuzzer.mjs";

const folder = import.meta.dirname;
const findings = resolve(folder, "../../.cohort/fuzz");

/** One for each folder of seeds. */
export const targets = readdirSync(join(folder, "corpus")).sort();

/**
 * Fuzzes one target. What it finds is kept in .cohort/fuzz, and played again by naming the file.
 *
 * @param {string} binary
 * @param {string} target
 * @param {{seconds: number, planted?: boolean}} options `planted`: with a fault to be found.
 * @returns {Promise<{found: boolean, runs: number, features: number, output: string}>}
 */
export async function fuzz(binary, target, { seconds, planted = false }) {
  const grown = mkdtempSync(join(tmpdir(), "cohort-fuzz-"));
  const kept = planted ? grown : findings;
  mkdirSync(kept, { recursive: true });
  const child = spawn(
    binary,
    [
      `-max_total_time=${seconds}`,
      ...["-max_len=4096", "-timeout=25", "-rss_limit_mb=1024", "-print_final_stats=1"],
      ...[`-artifact_prefix=${join(kept, `${target}-`)}`, grown, join(folder, "corpus", target)],
    ],
    {
      env: {
        ...process.env,
        FUZZ_TARGET: target,
        ...(planted ? { FUZZ_PLANT: "1" } : {}),
        UBSAN_OPTIONS: "halt_on_error=1:print_stacktrace=1",
        ASAN_OPTIONS: "quarantine_size_mb=16",
      },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    // The last of it tells what was found; a dictionary may come before.
    output = (output + text).slice(-20_000);
  });
  try {
    const status = await new Promise((done, fail) => child.on("close", done).on("error", fail));
    const number = (pattern) => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
    const runs = number(/number_of_executed_units: (\d+)/g);
    return { found: status !== 0, runs, features: number(/ ft: (\d+)/g), output };
  } finally {
    child.kill("SIGKILL");
    rmSync(grown, { recursive: true, force: true });
  }
}

/** What a finding says, without the progress before it. @param {string} output */
export function findingOf(output) {
  const lines = output.split("\n").filter((line) => !/^#\d|^\t/.test(line));
  return lines.slice(-60).join("\n");
}

async function main() {
  const { values } = parseArgs({
    options: { seconds: { type: "string" }, target: { type: "string", multiple: true } },
  });
  const seconds = Number(values.seconds ?? 10);
  if (!Number.isInteger(seconds) || seconds < 1) throw new Error("--seconds takes a whole number");
  const unknown = (values.target ?? []).filter((name) => !targets.includes(name));
  if (unknown.length > 0) throw new Error(`no target ${unknown}; there are ${targets.join(", ")}`);
  const log = (line) => process.stderr.write(`${line}\n`);
  const binary = await buildFuzzer({ log });
  for (const target of values.target ?? targets) {
    const { found, runs, features, output } = await fuzz(binary, target, { seconds });
    const outcome = found ? `FOUND, kept in ${findings}` : "nothing found";
    process.stdout.write(`${target.padEnd(14)} ${runs} inputs, ${features} features: ${outcome}\n`);
    if (!found) continue;
    log(findingOf(output));
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  });
}
