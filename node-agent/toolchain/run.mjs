import { spawn } from "node:child_process";

const outputBytesMax = 16 * 1024 * 1024;

/** A command that failed, told so that the reader can repeat and repair it. */
export class CommandError extends Error {
  /**
   * @param {string} what Purpose, as a phrase: "compiling quickjs.c".
   * @param {readonly string[]} command
   * @param {string} output
   * @param {string} remedy
   */
  constructor(what, command, output, remedy) {
    const tail = output.trim().split("\n").slice(-25).join("\n");
    super(`${what} failed\n  command: ${command.join(" ")}\n${tail}\n  remedy: ${remedy}`);
    this.name = "CommandError";
  }
}

/**
 * Runs a command to its end and returns its standard output.
 * @param {readonly string[]} command
 * @param {{what: string, remedy: string, cwd?: string, env?: NodeJS.ProcessEnv, input?: string}} options
 * @returns {Promise<string>}
 */
export function run(command, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), {
      cwd: options.cwd,
      // Messages are parsed in one place (the mirror), so the language must not vary.
      env: { ...(options.env ?? process.env), LC_ALL: "C" },
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    let out = "";
    let all = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      out += text;
      all = (all + text).slice(-outputBytesMax);
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      all = (all + text).slice(-outputBytesMax);
    });
    child.stdin?.on("error", () => {}).end(options.input);
    child.on("error", (error) =>
      reject(new CommandError(options.what, command, error.message, options.remedy)),
    );
    child.on("close", (code) => {
      if (code === 0) resolve(out);
      else reject(new CommandError(options.what, command, all, options.remedy));
    });
  });
}

/**
 * Runs `task` over all items, at most `width` at once.
 * @template T, R
 * @param {readonly T[]} items
 * @param {number} width
 * @param {(item: T) => Promise<R>} task
 * @returns {Promise<R[]>}
 */
export async function inParallel(items, width, task) {
  /** @type {R[]} */
  const results = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await task(items[index]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}
