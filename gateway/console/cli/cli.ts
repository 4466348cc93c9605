import { CohortError, refuse } from "@cohort/proto/problem";
import { CommanderError } from "commander";
import { Output, type Terminal } from "./output.ts";
import { buildProgram, type GlobalOptions } from "./program.ts";

/** Runs one command line and gives its exit status. Throws nothing but faults of its own. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  let status = 0;
  const program = buildProgram(terminal, (code) => {
    status = code;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const known =
      error instanceof CohortError ? error : refuse("INTERNAL", String(error), undefined, error);
    const format = program.opts<GlobalOptions>().output === "json" ? "json" : "table";
    new Output(terminal, format).error(known);
    return known.exit;
  }
}
