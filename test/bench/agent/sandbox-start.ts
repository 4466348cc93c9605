import "@cohort/node-agent/polyfill/polyfill";
import type { Host } from "@cohort/node-agent/host";

/**
 * Entry of an agent's binary that starts one sandbox after the other, and prints how many ms each took
 * from the call until its step's program was running.
 */
const rounds = 30;
const host = globalThis.__host as Host;

async function startOne(): Promise<number> {
  const began = host.monotonic();
  const step = host.sandbox.start({
    argv: ["/.cohort/agent", "--version"],
    environment: {},
    limits: { memoryBytes: 16e6, pids: 16, diskBytes: 4e6, openFiles: 64, cpuMs: 10_000 },
    readOnly: ["/usr", "/bin", "/lib", "/lib64"],
    files: [],
    listenPort: 0,
    held: false,
  });
  const elapsed = host.monotonic() - began;
  while ((await step.readOutput()) !== null);
  await step.exited;
  step.release();
  return elapsed;
}

try {
  const starts: number[] = [];
  for (let round = 0; round < rounds; round++) starts.push(await startOne());
  host.writeOut(`${JSON.stringify(starts)}\n`);
  host.exit(0);
} catch (error) {
  host.writeError(`${(error as Error).stack}\n`);
  host.exit(1);
}
