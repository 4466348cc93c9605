import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { refuse } from "@cohort/proto/problem";
import type { Terminal } from "../output.ts";

/**
 * A run's inputs as JSON: those of `--inputs` (a JSON object in a file, or "-" for stdin), and over
 * them each `-i key=text` or `-i key:=json`. Throws USAGE.
 */
export async function readInputs(
  terminal: Terminal,
  options: { readonly input: readonly string[]; readonly inputs?: string },
): Promise<string> {
  const base = options.inputs === undefined ? {} : await readObject(terminal, options.inputs);
  return JSON.stringify({ ...base, ...Object.fromEntries(options.input.map(parseInput)) });
}

/** `key=text` is text as it stands; `key:=json` is what the JSON says. */
function parseInput(argument: string): [string, unknown] {
  const match = /^([A-Za-z_]\w*)(:?=)(.*)$/s.exec(argument);
  if (match === null) {
    throw refuse("USAGE", `${argument} is not key=text or key:=json`);
  }
  const [, key, operator, value] = match as unknown as [string, string, string, string];
  if (operator === "=") return [key, value];
  return [key, parseJson(value, `the value of ${key}`)];
}

async function readObject(terminal: Terminal, path: string): Promise<Record<string, unknown>> {
  const text =
    path === "-" ? (await terminal.readInput()).toString("utf8") : readText(terminal, path);
  const value = parseJson(text, path === "-" ? "standard input" : path);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw refuse("USAGE", "the inputs are not a JSON object");
  }
  return value as Record<string, unknown>;
}

function readText(terminal: Terminal, path: string): string {
  try {
    return readFileSync(resolve(terminal.directory, path), "utf8");
  } catch (cause) {
    throw refuse("USAGE", `${path} cannot be read`, undefined, cause);
  }
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refuse(
      "USAGE",
      `${what} is not JSON`,
      {
        hint: "Text goes after key=, JSON after key:=, as in -i limit:=4.5",
      },
      cause,
    );
  }
}
