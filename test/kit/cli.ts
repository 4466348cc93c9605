import { spawn } from "node:child_process";
import { join } from "node:path";
import { repository } from "@cohort/deploy/setup/paths.mjs";

export interface CliResult {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built `cohort` command. */
export function runCli(argv: readonly string[], input = ""): Promise<CliResult> {
  const program = join(repository, "gateway/dist/cohort.mjs");
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...argv], { stdio: ["pipe", "pipe", "pipe"] });
    const collected = { stdout: "", stderr: "" };
    child.stdout.on("data", (data: Buffer) => {
      collected.stdout += data;
    });
    child.stderr.on("data", (data: Buffer) => {
      collected.stderr += data;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ exit: code ?? -1, ...collected }));
    child.stdin.end(input);
  });
}
