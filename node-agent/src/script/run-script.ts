import { cleanValue } from "@cohort/proto/text";
import { type ScriptDevices, scriptDevices } from "./devices.ts";
import { fetchService } from "./fetch.ts";
import type { ScriptHost } from "./script-host.ts";
import { type Workspace, workspace } from "./workspace.ts";

type StepFunction = (context: ScriptContext) => unknown;

/** What a script's default export is called with. */
export interface ScriptContext {
  /** The run's inputs. */
  readonly inputs: unknown;
  /** The step's `with`. */
  readonly with: unknown;
  /** To the step's log. */
  log(...values: unknown[]): void;
  sleep(ms: number): Promise<void>;
  /** A text or JSON value without what nobody sees: for what goes to a model, or comes from one. */
  clean(value: unknown): unknown;
  /** `fetch("service:/path", init)`: a granted service, through the coordinator. */
  fetch: ReturnType<typeof fetchService>;
  /** Granted devices of the node. */
  readonly device: ScriptDevices;
  /** Files of the step's own, below /work. */
  readonly files: Workspace;
  readonly node: { readonly name: string };
  /** Index in a fan-out, 0 otherwise. */
  readonly instance: number;
}

/** Exit statuses of a script that fails; none can be given by the script itself. */
export const scriptExit = { failed: 1, memory: 3 } as const;

/**
 * Runs the step's module: calls its default export and leaves what it returns as the step's output.
 * Resolves with the exit status; an error goes to stderr, its message last.
 */
export async function runScript(host: ScriptHost): Promise<number> {
  try {
    const module = await host.evaluateModule(host.source(), host.path);
    const step = module["default"];
    if (typeof step !== "function") throw new Error("the script has no default export to call");
    writeOutput(host, await (step as StepFunction)(scriptContext(host)));
    return 0;
  } catch (error) {
    host.writeError(`${describeError(error)}\n`);
    return host.exhausted() ? scriptExit.memory : scriptExit.failed;
  }
}

function scriptContext(host: ScriptHost): ScriptContext {
  return {
    inputs: readJson(host, "inputs.json"),
    with: readJson(host, "with.json"),
    log: (...values) => host.writeOut(`${values.map(display).join(" ")}\n`),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    clean: cleanValue,
    fetch: fetchService(host),
    device: scriptDevices(host),
    files: workspace(host),
    node: { name: host.environment("COHORT_NODE") ?? "" },
    instance: Number(host.environment("COHORT_INSTANCE") ?? 0),
  };
}

function readJson(host: ScriptHost, name: string): unknown {
  const bytes = host.readFile(name);
  return bytes === null ? {} : JSON.parse(new TextDecoder().decode(bytes));
}

/** undefined leaves no output. */
function writeOutput(host: ScriptHost, value: unknown): void {
  const text = JSON.stringify(value);
  if (text !== undefined) host.writeFile("output.json", new TextEncoder().encode(text));
}

function display(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return describeError(value);
  return JSON.stringify(value) ?? String(value);
}

/** The stack first: the last line is what becomes the step's message. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stack = (error.stack ?? "").trimEnd();
  const line = `${error.name}: ${error.message}`;
  return stack === "" || (stack.startsWith(line) && stack === line) ? line : `${stack}\n${line}`;
}
