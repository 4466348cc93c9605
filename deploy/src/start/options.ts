import { parseArgs } from "node:util";
import { refuse } from "@cohort/proto/problem";

export const usage = `npm start -- [--once] [--home DIR]

Sets up and runs the factory example, and stays up until Ctrl-C.

  --once       stop when the run has ended; exit status 0 succeeded, 3 failed
  --home DIR   keep the mesh's state there instead of in .cohort (or COHORT_HOME)

COHORT_NATS_PORT, COHORT_CONSOLE_PORT, COHORT_MQTT_PORT, COHORT_WEBHOOKS_PORT and
COHORT_MAINTENANCE_PORT choose other ports; 0 takes any that is free.`;

export interface StartOptions {
  readonly once: boolean;
  readonly help: boolean;
  readonly home: string | undefined;
}

/** Throws USAGE. */
export function parseStartOptions(argv: readonly string[]): StartOptions {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        once: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
        home: { type: "string" },
      },
    });
    return { once: values.once, help: values.help, home: values.home };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw refuse("USAGE", message, { hint: usage }, cause);
  }
}
