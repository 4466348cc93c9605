import "../../src/polyfill/polyfill.ts";
import type { Host } from "../../src/host.ts";
import { Journal } from "../../src/journal/journal.ts";
import { JournalState } from "../../src/journal/journal-state.ts";
import { RecordCodec } from "../../src/journal/record.ts";

/**
 * Entry of the binary that the tests run: evaluates the program named on its command line, so that
 * one build serves every test. What the program returns is printed as JSON.
 */
const host = globalThis.__host as Host;
const [path] = host.info.argv;
const source = new TextDecoder().decode(host.files.read(path ?? "") ?? new Uint8Array());
/** By these names, programs may use what they need of the machine and of the agent. */
const given = { host, Journal, JournalState, RecordCodec };
const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (...given: readonly unknown[]) => Promise<unknown>;

try {
  const program = new AsyncFunction(...Object.keys(given), source);
  const result = await program(...Object.values(given));
  host.writeOut(`${JSON.stringify(result ?? null)}\n`);
  host.exit(0);
} catch (error) {
  const { code, message, stack } = error as Error & { code?: string };
  host.writeOut(`${JSON.stringify({ thrown: { code, message } })}\n`);
  host.writeError(`${stack}\n`);
  host.exit(0);
}
