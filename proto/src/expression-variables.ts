import { nodeFacts } from "./node-facts.ts";

/** What expressions may read, by where they stand: what checks them and what documents them agree. */

export interface VariableEntry {
  readonly meaning: string;
  /** Where only certain members exist: what each is. */
  readonly members?: Readonly<Record<string, string>>;
  /** Members of members: what each is. */
  readonly nested?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** How people write it. */
  readonly example: string;
}

export const variables = {
  event: {
    meaning:
      "What started the run. Of an MQTT message, `topic` is the list of its levels and `payload` what it says, as JSON. Of a schedule, `schedule` has `due_ms`, `due` (ISO 8601, UTC), `cron` and `timezone`. Null where a person or a program started it.",
    example: "event.payload.rms > 4.5",
  },
  inputs: {
    meaning: "The run's inputs, by name.",
    example: "inputs.press",
  },
  steps: {
    meaning: "Steps that have ended for certain when this one starts, by id.",
    members: {
      output: "JSON value that the step's first instance left; null where it left none.",
      outputs: "The same of every instance, in order.",
      outcome: '"succeeded", "failed", "skipped" or "cancelled".',
    },
    example: 'steps["slow-down"].output.percent',
  },
  run: {
    meaning: "The run itself.",
    members: {
      id: "Its id.",
      workflow: "Name of its workflow.",
      started_ms: "When it started, in ms since 1970.",
      failed: "Whether it has failed, for `on_failure` and `finally`.",
    },
    example: "run.failed",
  },
  node: {
    meaning: "The node that runs the instance, or that is looked at.",
    members: {
      name: "Its name.",
      labels: "Its labels, by name.",
      facts:
        "What its agent found of the machine, by name. A label of the same name takes the place of a fact, except of `version`, `arch`, `isolation` and `slots`.",
      arch: '"x86_64", "arm64" or "riscv64".',
      isolation: '"standard" or "strict".',
      cores: "How many processors it has.",
      memory_bytes: "Its memory.",
      version: "Version of its agent.",
    },
    nested: {
      facts: Object.fromEntries(
        Object.entries(nodeFacts).map(([name, { meaning }]) => [name, meaning]),
      ),
    },
    example: 'node.labels.site == "north"',
  },
  instance: {
    meaning: "Number of the instance in its step, from 0.",
    example: "instance",
  },
  item: {
    meaning: "The instance's item of `for_each`.",
    example: "item.address",
  },
  matrix: {
    meaning: "The instance's values of `matrix`, by name.",
    example: "matrix.version",
  },
} as const satisfies Record<string, VariableEntry>;

export type Variable = keyof typeof variables;

/** Members that a variable has; [] where they depend on the workflow or the event. */
export function membersOf(variable: Variable): readonly string[] {
  const entry: VariableEntry = variables[variable];
  return Object.keys(entry.members ?? {});
}

/** Before the step has a node. */
const ofRun = ["inputs", "event", "steps", "run"] as const;

/** Variables by place. */
export const readable = {
  /** `if` and `key` of triggers, and defaults of inputs. */
  start: ["event"],
  /** `concurrency.group`. */
  group: ["inputs", "event"],
  /** `outputs` of a workflow: at its end all steps have ended. */
  outputs: ofRun,
  /** `if`, `for_each`, `matrix`. */
  beginning: ofRun,
  /** `nodes.select`. */
  selector: ["node", "inputs"],
  /** `env`, `with`, `command`, `call`; `item` and `matrix` where the step has them. */
  instance: [...ofRun, "node", "instance", "item", "matrix"],
} as const satisfies Record<string, readonly Variable[]>;
