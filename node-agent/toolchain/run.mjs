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
 * A gate that lets `width` tasks through at once, whoever brings them: the libraries are compiled
 * side by side, since one of them is mostly a single large file.
 * @param {number} width
 */
export function makeGate(width) {
  let free = width;
  /** @type {(() => void)[]} */
  const waiting = [];
  /** @template T @param {() => Promise<T>} task @returns {Promise<T>} */
  return async (task) => {
    if (free > 0) free--;
    else await new Promise((resolve) => waiting.push(() => resolve(undefined)));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
