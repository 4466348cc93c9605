import type { ConsoleClient } from "../../src/console-client/console-client.ts";
import { type Format, Output, type Terminal } from "./output.ts";

/** One invocation: where results go, and the coordinator when a command first asks for it. */
export class Session {
  readonly output: Output;
  readonly terminal: Terminal;
  readonly #contextFile: string | undefined;
  #console: ConsoleClient | null = null;

  constructor(terminal: Terminal, options: { readonly context?: string; readonly output: Format }) {
    this.terminal = terminal;
    this.output = new Output(terminal, options.output);
    this.#contextFile = options.context;
  }

  /**
   * Throws USAGE when no context is found. gRPC and zod are loaded here and not before: they take
   * longer than all the rest.
   */
  async console(): Promise<ConsoleClient> {
    if (this.#console === null) {
      const { loadContext } = await import("../../src/console-client/context.ts");
      const { environment, directory } = this.terminal;
      const context = loadContext({ file: this.#contextFile, environment, directory });
      const { ConsoleClient } = await import("../../src/console-client/console-client.ts");
      this.#console = new ConsoleClient(context);
    }
    return this.#console;
  }

  close(): void {
    this.#console?.close();
  }
}
