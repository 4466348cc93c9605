// @ts-check
import { SetupError } from "./command.mjs";

const nameWidth = 12;
const erase = "\r\u001b[K";

/**
 * Runs one phase of the set-up under one line of progress on stderr: its name, what it does now (on
 * a terminal), and at the end what came of it and how long it took.
 *
 * @param {string} name
 * @param {(progress: (line: string) => void) => Promise<string>} work gives what came of it
 */
export async function phase(name, work) {
  const startedAt = performance.now();
  const label = name.padEnd(nameWidth);
  const out = process.stderr;
  const progress = (/** @type {string} */ line) => {
    if (out.isTTY) out.write(`${erase}${label} ${line} ...`);
  };
  const finish = (/** @type {string} */ detail) => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    out.write(`${out.isTTY ? erase : ""}${label} ${detail.padEnd(46)} ${seconds.padStart(6)} s\n`);
  };
  progress("");
  try {
    finish(await work(progress));
  } catch (error) {
    finish("FAILED");
    throw error;
  }
}

/** For the end of a program: what failed, the command, the remedy; the exit status becomes 1. */
export function reportFailure(/** @type {unknown} */ error) {
  process.stderr.write(`${describe(error)}\n`);
  process.exitCode = 1;
}

/** @param {unknown} error */
function describe(error) {
  if (error instanceof SetupError) return error.format();
  return error instanceof Error ? error.message : String(error);
}
