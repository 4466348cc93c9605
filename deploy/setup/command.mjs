// @ts-check
import { spawn } from "node:child_process";

const outputBytesMax = 256 * 1024;

/** What stopped the set-up, in the three parts that a person needs. */
export class SetupError extends Error {
  /**
   * @param {string} message what failed, one sentence
   * @param {{ command?: string, remedy: string, output?: string, cause?: unknown }} detail
   */
  constructor(message, { command = "", remedy, output = "", cause }) {
    super(message, { cause });
    this.name = "SetupError";
    this.command = command;
    this.remedy = remedy;
    this.output = output;
  }

  /** For a terminal: what failed, the command and the end of what it said, the remedy. */
  format() {
    const lines = [`failed: ${this.message}`];
    if (this.command !== "") lines.push(`command: ${this.command}`);
    const tail = this.output.trimEnd().split("\n").slice(-12);
    if (this.output !== "") lines.push(...tail.map((line) => `  | ${line}`));
    lines.push(`remedy: ${this.remedy}`);
    return lines.join("\n");
  }
}

/**
 * Runs a program to its end and gives what it wrote to stdout. Throws SetupError when it cannot be
 * started or its exit status is not 0.
 *
 * @param {string[]} argv
 * @param {{ what: string, remedy: string, directory?: string, environment?: NodeJS.ProcessEnv,
 *   signal?: AbortSignal }} options `what` and `remedy` go into the error
 * @returns {Promise<string>}
 */
export async function command(argv, { what, remedy, directory, environment, signal }) {
  const [program = "", ...rest] = argv;
  const child = spawn(program, rest, {
    cwd: directory,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  let out = "";
  let all = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    out += text;
    all = (all + text).slice(-outputBytesMax);
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    all = (all + text).slice(-outputBytesMax);
  });
  const fail = (/** @type {string} */ why, /** @type {unknown} */ cause = undefined) =>
    new SetupError(`${what} (${why})`, { command: argv.join(" "), remedy, output: all, cause });
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(fail(error.message, error)));
    child.once("close", (code, signalName) => {
      if (code === 0) resolve(out);
      else reject(fail(code === null ? `ended by ${signalName}` : `exit status ${code}`));
    });
  });
}
