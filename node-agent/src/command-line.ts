import { errors } from "@cohort/proto/errors";
import { CohortError, formatProblem, refuse } from "@cohort/proto/problem";
import { runAgent } from "./agent.ts";
import { withCleanOutput } from "./clean-output.ts";
import { doctor, formatChecks } from "./doctor/doctor.ts";
import { formatProbe, probeReport } from "./doctor/probe.ts";
import { assertIsolation } from "./facts.ts";
import type { Host } from "./host.ts";
import { join } from "./join.ts";
import { agentLimits } from "./limits.ts";
import { natsConnector } from "./mesh/nats-bus.ts";
import { type AgentStatus, formatStatus, readStatus, serveStatus } from "./service/status.ts";
import { superviseBy } from "./service/supervision.ts";
import { readWitness } from "./witness/record.ts";

const usage = `Usage:
  cohort-agent join - --data DIR          become a node; the join token comes on standard input,
                                          or stands in COHORT_JOIN_TOKEN
  cohort-agent run --data DIR [--slots N] serve the mesh until SIGTERM; with --device-root DIR,
                                          devices are looked for in DIR/dev and DIR/sys
  cohort-agent status --data DIR          how the agent that runs with DIR is
  cohort-agent witness --data DIR         the last checkpoint of the ledger that this node took, with
                                          the node's signature
  cohort-agent doctor --data DIR          what it needs of this machine, with a remedy each
  cohort-agent probe                      what this kernel offers to isolate steps, and why not more
  cohort-agent --version
  status, doctor and probe take -o json.
`;

/**
 * The agent's command line, but for --version, which the host answers itself. Resolves with the
 * exit status; results go to stdout, all else to stderr.
 */
export async function runCommandLine(machine: Host): Promise<number> {
  const host = withCleanOutput(machine);
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
    case "status":
      return await status(host, parseArguments(rest, ["--data", "-o"]));
    case "witness":
      return witness(host, parseArguments(rest, ["--data"]));
    case "doctor":
      return await runDoctor(host, parseArguments(rest, ["--data", "-o"]));
    case "probe":
      return probe(host, parseArguments(rest, ["-o"]));
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
  noWords(given);
  const directory = dataDirectory(given);
  const slots = given.options.get("--slots");
  const deviceRoot = given.options.get("--device-root");
  const stop = new AbortController();
  host.onSignal(() => stop.abort());
  const options = {
    dataDirectory: directory,
    connect: natsConnector(host),
    onReady: (status: () => AgentStatus) => {
      serveStatus(host, directory, status, stop.signal).catch((error) =>
        host.writeError(`cohort-agent: no status will be told: ${String(error)}\n`),
      );
      void superviseBy(host, () => summary(status()), stop.signal);
    },
    ...(slots === undefined ? {} : { slots: parseSlots(slots) }),
    ...(deviceRoot === undefined ? {} : { deviceRoot }),
  };
  beAlone(host, directory);
  const end = await runAgent(host, options, stop.signal);
  if (end === "restart") host.restart();
  return 0;
}

/** Two agents with one folder would be one node twice, and spoil each other's journal. */
function beAlone(host: Host, directory: string): void {
  // Where there is no folder, there is no enrolled node, which is said better elsewhere.
  if (host.files.inspect(directory) === null || host.local.lock(`${directory}/lock`)) return;
  throw refuse("SETUP_FAILED", `another agent runs with ${directory}`, {
    hint: "Stop it first, or give each node a folder of its own.",
  });
}

/** In a line, for a service manager. */
function summary(status: AgentStatus): string {
  const { node, connection, trouble, running, slots, isolation, ledger } = status;
  const alarm = ledger.dispute === "" ? "" : `, ALARM: ledger: ${ledger.dispute}`;
  const where =
    connection === null ? `not connected (${trouble})` : `connected to ${connection.server}`;
  return `${node}: ${where}, ${running.length} of ${slots} steps, isolation ${isolation}${alarm}`;
}

/**
 * Ends with 5 when no agent runs, when it does not answer, and when it is not connected; with 4 when
 * the ledger contradicts what this node saw of it.
 */
async function status(host: Host, given: Arguments): Promise<number> {
  noWords(given);
  const it = await readStatus(host, dataDirectory(given));
  host.writeOut(wantsJson(given) ? json(it) : formatStatus(it));
  if (it.ledger.dispute !== "") return errors.LEDGER_FORKED.exit;
  return it.connection === null ? errors.UNREACHABLE.exit : 0;
}

/** From the disk: no agent has to run. What contradicts it follows, where there is a dispute. */
function witness(host: Host, given: Arguments): number {
  noWords(given);
  const record = readWitness(host.files, dataDirectory(given));
  if (record === null)
    throw refuse("LEDGER_INVALID", "this node has seen nothing of the ledger yet");
  host.writeOut(record.checkpoint);
  if (record.dispute === null) return 0;
  host.writeError(`ALARM: ${record.dispute.reason}. What was shown:\n${record.dispute.conflict}`);
  return errors.LEDGER_FORKED.exit;
}

/** Ends with 1 when something is amiss; what could merely be better is no fault. */
async function runDoctor(host: Host, given: Arguments): Promise<number> {
  noWords(given);
  const checks = await doctor(host, dataDirectory(given));
  host.writeOut(wantsJson(given) ? json({ checks }) : formatChecks(checks));
  return checks.some(({ state }) => state === "failed") ? 1 : 0;
}

/** Throws ISOLATION_INSUFFICIENT, after the table, when the kernel does not do. */
function probe(host: Host, given: Arguments): number {
  noWords(given);
  const report = probeReport(host);
  host.writeOut(wantsJson(given) ? json(report) : formatProbe(report));
  assertIsolation(host);
  return 0;
}

function wantsJson(given: Arguments): boolean {
  const format = given.options.get("-o");
  if (format !== undefined && format !== "json") throw misused(`-o ${format} is not known`);
  return format === "json";
}

function json(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

function noWords({ words }: Arguments): void {
  if (words.length > 0) throw misused(`"${words[0]}" is not expected`);
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
