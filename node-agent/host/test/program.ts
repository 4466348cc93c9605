import "../../src/polyfill/polyfill.ts";
import type { Host } from "../../src/host.ts";
import { Journal } from "../../src/journal/journal.ts";

/**
 * Entry of the binary that the tests run: evaluates the program named on its command line, so that
 * one build serves every test. What the program returns is printed as JSON.
 */
const host = globalThis.__host as Host;
const [path] = host.info.argv;
const source = new TextDecoder().decode(host.files.read(path ?? "") ?? new Uint8Array());
const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (host: Host, journal: typeof Journal) => Promise<unknown>;

try {
  const result = await new AsyncFunction("host", "Journal", source)(host, Journal);
  host.writeOut(`${JSON.stringify(result ?? null)}\n`);
  host.exit(0);
} catch (error) {
  const { code, message, stack } = error as Error & { code?: string };
  host.writeOut(`${JSON.stringify({ thrown: { code, message } })}\n`);
  host.writeError(`${stack}\n`);
  host.exit(0);
}
