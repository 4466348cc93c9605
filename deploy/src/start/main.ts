import { once } from "node:events";
import { CohortError, formatProblem } from "@cohort/proto/problem";
import { cleanTerminal } from "@cohort/proto/text";
import { paths as pathsOf } from "../../setup/paths.mjs";
import { phase } from "../../setup/phase.mjs";
import { startMesh } from "../mesh/mesh.ts";
import { requestedPorts } from "../mesh/ports.ts";
import { runExample } from "./example.ts";
import { parseStartOptions, usage } from "./options.ts";

/**
 * `npm start` after its set-up: a mesh of this machine with three nodes, one run of the factory
 * example, its report; then up until Ctrl-C. Resolves with the exit status.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, stop);
  try {
    return await start(argv, stopping.signal);
  } catch (error) {
    if (stopping.signal.aborted) return 0;
    if (!(error instanceof CohortError)) throw error;
    for (const it of error.problems) report(formatProblem(it));
    return error.exit;
  } finally {
    for (const signal of signals) process.off(signal, stop);
  }
}

async function start(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const options = parseStartOptions(argv);
  if (options.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const paths = pathsOf({ home: options.home });
  const ports = requestedPorts(process.env);
  let mesh: Awaited<ReturnType<typeof startMesh>> | undefined;
  try {
    await phase("mesh", async () => {
      mesh = await startMesh({ paths, ports, report, signal });
      return `nats-server on ${mesh.ports.nats}, coordinator on ${mesh.ports.console}`;
    });
    if (mesh === undefined) return 1;
    const exit = await runExample(mesh, paths, signal);
    if (options.once) return exit;
    process.stdout.write("\nup until Ctrl-C\n");
    if (!signal.aborted) await once(signal, "abort");
    return 0;
  } finally {
    if (mesh !== undefined) {
      report("stopping; the data stays");
      await mesh.stop();
    }
  }
}

function report(line: string): void {
  process.stderr.write(`${cleanTerminal(line)}\n`);
}
