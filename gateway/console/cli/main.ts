import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { cleanTerminal } from "@cohort/proto/text";
import { runCli } from "./cli.ts";
import type { Terminal } from "./output.ts";

/** The `cohort` command: the process's streams in, an exit status out. */
const { stdin, stdout, stderr, env } = process;

// A reader that has seen enough, such as head, ends us without a word.
stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

const terminal: Terminal = {
  // What a program reads, such as an exported ledger, it gets byte for byte.
  writeResult: (text) => stdout.write(stdout.isTTY ? cleanTerminal(text) : text),
  writeProgress: (text) => stderr.write(cleanTerminal(text)),
  readInput: () => readAll(stdin),
  askSecret: stdin.isTTY ? askSecret : null,
  colour: stdout.isTTY === true && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb",
  environment: env,
  directory: process.cwd(),
};

process.exitCode = await runCli(process.argv.slice(2), terminal);

async function askSecret(question: string): Promise<string> {
  stderr.write(question);
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output, terminal: true });
  try {
    return await lines.question("");
  } finally {
    lines.close();
    stderr.write("\n");
  }
}

async function readAll(input: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(chunk);
  return Buffer.concat(chunks);
}
