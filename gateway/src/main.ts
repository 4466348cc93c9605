import { randomBytes } from "node:crypto";
import { CohortError, formatProblem } from "@cohort/proto/problem";
import { cleanText, neutraliseLines } from "@cohort/proto/text";
import { type DestinationStream, pino } from "pino";
import { type Addresses, runGateway } from "./gateway.ts";
import { parseOptions } from "./options.ts";

/** The gateway process: options and signals in, one line when ready, logs to stderr. */
async function main(argv: readonly string[]): Promise<number> {
  const log = pino({ name: "gateway" }, cleanLog());
  const stopping = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => stopping.abort());
  }
  try {
    const parts = {
      log,
      now: Date.now,
      random: Math.random,
      randomBytes,
      onReady: (addresses: Addresses) =>
        process.stdout.write(`${JSON.stringify({ ready: true, ...addresses })}\n`),
    };
    await runGateway(parseOptions(argv), parts, stopping.signal);
    return 0;
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    for (const it of error.problems)
      process.stderr.write(`${neutraliseLines(formatProblem(it))}\n`);
    return error.exit;
  }
}

process.exitCode = await main(process.argv.slice(2));

/** Standard error, without what a line's texts would hide from its reader. */
function cleanLog(): DestinationStream {
  const standardError = pino.destination({ dest: 2, sync: true });
  return { write: (line) => void standardError.write(cleanText(line)) };
}
