import { parseArgs } from "node:util";
import { refuse } from "@cohort/proto/problem";
import { parseDuration } from "@cohort/proto/quantity";
import type { Retention } from "./history/retention.ts";

/** Where the key of the machine is: a file, or a credential of systemd's. */
export type MachineKeySource = { readonly file: string } | { readonly credential: string };

/** The coordinator's command line. */
export type Options = InitOptions | RunOptions;

export interface InitOptions {
  readonly command: "init";
  readonly data: string;
  readonly machineKey: MachineKeySource;
  readonly natsPort: number;
  readonly consolePort: number;
  readonly hosts: readonly string[];
  readonly operatorContext: string;
  readonly approverContext: string;
  readonly gatewayContext: string;
  /** How long finished runs, and payloads of the ledger, are kept; what is left out stays as it was. */
  readonly history: Partial<Retention>;
}

export interface RunOptions {
  readonly command: "run";
  readonly data: string;
  readonly machineKey: MachineKeySource;
}

export const usage = `usage:
  coordinator init --data DIR KEY --nats-port PORT --console-port PORT
                   [--hosts NAME,...] --operator-context FILE --approver-context FILE
                   --gateway-context FILE
                   [--history-max-age DURATION] [--history-max-runs COUNT]
                   [--ledger-payload-max-age DURATION|forever]
  coordinator run  --data DIR KEY
KEY is --vault-key-file FILE, which is made when there is none, or --vault-credential NAME`;

/** Throws USAGE. */
export function parseOptions(argv: readonly string[]): Options {
  const { values, positionals } = parse(argv);
  const [command] = positionals;
  const text = (name: keyof typeof values): string => {
    const value = values[name];
    if (value === undefined || value === "")
      throw refuse("USAGE", `--${name} is missing`, { hint: usage });
    return value;
  };
  const port = (name: keyof typeof values): number => {
    const value = Number(text(name));
    if (Number.isInteger(value) && value > 0 && value < 65_536) return value;
    throw refuse("USAGE", `--${name} must be a port from 1 to 65535`, { hint: usage });
  };
  const positive = <Key extends string>(
    name: keyof typeof values,
    key: Key,
    read: (text: string) => number | null,
    what: string,
  ): Partial<Record<Key, number>> => {
    if (values[name] === undefined) return {};
    const value = read(text(name));
    if (value !== null && Number.isSafeInteger(value) && value > 0) {
      return { [key]: value } as Record<Key, number>;
    }
    throw refuse("USAGE", `--${name} must be ${what}`, { hint: usage });
  };
  const machineKey = (): MachineKeySource => {
    if (values["vault-credential"] === undefined) return { file: text("vault-key-file") };
    if (values["vault-key-file"] === undefined) return { credential: text("vault-credential") };
    throw refuse("USAGE", "the machine has one key: from a file or a credential", { hint: usage });
  };
  const common = () => ({ data: text("data"), machineKey: machineKey() });
  if (command === "run" && positionals.length === 1) return { command, ...common() };
  if (command === "init" && positionals.length === 1) {
    return {
      command,
      ...common(),
      natsPort: port("nats-port"),
      consolePort: port("console-port"),
      hosts: (values.hosts ?? "localhost").split(","),
      operatorContext: text("operator-context"),
      approverContext: text("approver-context"),
      gatewayContext: text("gateway-context"),
      history: {
        ...positive("history-max-age", "maxAgeMs", parseDuration, "a duration such as 30d"),
        ...positive("history-max-runs", "maxRuns", Number, "a number of runs from 1"),
        ...(values["ledger-payload-max-age"] === "forever"
          ? { payloadMaxAgeMs: null }
          : positive(
              "ledger-payload-max-age",
              "payloadMaxAgeMs",
              parseDuration,
              "a duration such as 90d, or forever",
            )),
      },
    };
  }
  throw refuse("USAGE", "one command is expected: init or run", { hint: usage });
}

function parse(argv: readonly string[]) {
  const type = "string" as const;
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        data: { type },
        "vault-key-file": { type },
        "vault-credential": { type },
        "nats-port": { type },
        "console-port": { type },
        hosts: { type },
        "operator-context": { type },
        "approver-context": { type },
        "gateway-context": { type },
        "history-max-age": { type },
        "history-max-runs": { type },
        "ledger-payload-max-age": { type },
      },
    });
  } catch (cause) {
    throw refuse("USAGE", (cause as Error).message, { hint: usage }, cause);
  }
}
