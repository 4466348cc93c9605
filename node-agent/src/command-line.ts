import { CohortError, formatProblem, refuse } from "@cohort/proto/problem";
import { runAgent } from "./agent.ts";
import { assertIsolation } from "./facts.ts";
import type { Host } from "./host.ts";
import { join } from "./join.ts";
import { agentLimits } from "./limits.ts";
import { natsConnector } from "./mesh/nats-bus.ts";

const usage = `Usage:
  cohort-agent join - --data DIR          become a node; the join token comes on standard input,
                                          or stands in COHORT_JOIN_TOKEN
  cohort-agent run --data DIR [--slots N] serve the mesh until SIGTERM; with --device-root DIR,
                                          devices are looked for in DIR/dev and DIR/sys
  cohort-agent probe                      what this kernel offers to isolate steps
  cohort-agent --version
`;

/**
 * The agent's command line, but for --version, which the host answers itself. Resolves with the
 * exit status; results go to stdout, all else to stderr.
 */
export async function runCommandLine(host: Host): Promise<number> {
  try {
    return await runCommand(host);
  } catch (error) {
    if (error instanceof CohortError) {
      for (const problem of error.problems) host.writeError(`${formatProblem(problem)}\n`);
      return error.exit;
    }
    const reason =
      error instanceof Error ? `${error.message}\n${error.stack ?? ""}` : String(error);
    host.writeError(`INTERNAL ${reason}\n`);
    return 1;
  }
}

async function runCommand(host: Host): Promise<number> {
  const [command, ...rest] = host.info.argv;
  switch (command) {
    case "join":
      return await runJoin(host, parseArguments(rest, ["--data"]));
    case "run":
      return await run(host, parseArguments(rest, ["--data", "--slots", "--device-root"]));
    case "probe":
      return probe(host);
    case "--help":
      host.writeOut(usage);
      return 0;
    default:
      throw misused(command === undefined ? "a command is missing" : `"${command}" is no command`);
  }
}

async function runJoin(host: Host, given: Arguments): Promise<number> {
  if (given.words.length > 1 || (given.words[0] ?? "-") !== "-") {
    throw misused("a join token is given on standard input, where no list of processes shows it");
  }
  const token = given.words[0] === "-" ? readToken(host) : host.environment("COHORT_JOIN_TOKEN");
  if (token === undefined) throw misused("a join token is needed");
  const node = await join(host, token, dataDirectory(given), natsConnector(host));
  host.writeOut(`joined as ${node}\n`);
  return 0;
}

function readToken(host: Host): string {
  return new TextDecoder().decode(host.readInput(agentLimits.joinTokenBytesMax));
}

async function run(host: Host, given: Arguments): Promise<number> {
  if (given.words.length > 0) throw misused(`"${given.words[0]}" is not expected`);
  const slots = given.options.get("--slots");
  const deviceRoot = given.options.get("--device-root");
  const stop = new AbortController();
  host.onSignal(() => stop.abort());
  await runAgent(
    host,
    {
      dataDirectory: dataDirectory(given),
      connect: natsConnector(host),
      ...(slots === undefined ? {} : { slots: parseSlots(slots) }),
      ...(deviceRoot === undefined ? {} : { deviceRoot }),
    },
    stop.signal,
  );
  return 0;
}

/** Throws ISOLATION_INSUFFICIENT, after the table, when the kernel does not do. */
function probe(host: Host): number {
  const { level, features } = host.sandbox.probe();
  host.writeOut(`isolation: ${level}\n`);
  for (const { name, available, reason } of features) {
    host.writeOut(`  ${available ? "yes" : "no "}  ${name}${reason === "" ? "" : `  ${reason}`}\n`);
  }
  assertIsolation(host);
  return 0;
}

interface Arguments {
  readonly words: readonly string[];
  readonly options: ReadonlyMap<string, string>;
}

function parseArguments(given: readonly string[], known: readonly string[]): Arguments {
  const words: string[] = [];
  const options = new Map<string, string>();
  for (let index = 0; index < given.length; index++) {
    const word = given[index] as string;
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      continue;
    }
    const value = given[++index];
    if (!known.includes(word)) throw misused(`"${word}" is no option here`);
    if (value === undefined) throw misused(`${word} needs a value`);
    options.set(word, value);
  }
  return { words, options };
}

function dataDirectory(given: Arguments): string {
  const directory = given.options.get("--data");
  if (directory === undefined || directory === "") throw misused("--data DIR is needed");
  return directory;
}

function parseSlots(text: string): number {
  const slots = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (slots >= 1 && slots <= agentLimits.slotsMax) return slots;
  throw misused(`--slots must be 1 to ${agentLimits.slotsMax}`);
}

function misused(message: string): CohortError {
  return refuse("USAGE", message, { hint: usage.trimEnd() });
}
