import type { KnownType } from "./expression-types.ts";

/** A fact about a node, as expressions read it: `node.facts.NAME`. */
export interface FactEntry {
  readonly meaning: string;
  readonly type: KnownType | "list";
  /** Whether a label of the same name takes its place; what a node must prove, a label cannot say. */
  readonly labelled: boolean;
  /** Whether it moves by itself, as a temperature does. */
  readonly reading: boolean;
}

/** What agents find of their machines, by name. */
export const nodeFacts = {
  version: proved("Version of its agent.", "string"),
  arch: proved('"x86_64", "arm64" or "riscv64".', "string"),
  isolation: proved('"standard" or "strict".', "string"),
  slots: proved("Steps that its agent runs at once.", "number"),
  kernel: found("Release of its kernel.", "string"),
  hostname: found("What its machine calls itself.", "string"),
  cores: found("How many processors it has.", "number"),
  memory_bytes: found("Its memory.", "number"),
  devices: found('Its devices, as "iio:accel0".', "list"),
  models: found('Names of the files in the folder "models" of its agent\'s data.', "list"),
  disk_bytes: found("Size of the disk with its agent's data.", "number"),
  disk_free_bytes: { ...found("What is free of it.", "number"), reading: true },
  temperature_celsius: {
    ...found("Temperature of its hottest sensor; not set where it has none.", "number"),
    reading: true,
  },
} as const satisfies Record<string, FactEntry>;

export type FactName = keyof typeof nodeFacts;

export function isFactName(name: string): name is FactName {
  return Object.hasOwn(nodeFacts, name);
}

function proved<Type extends FactEntry["type"]>(meaning: string, type: Type) {
  return { meaning, type, labelled: false, reading: false } as const;
}

function found<Type extends FactEntry["type"]>(meaning: string, type: Type) {
  return { meaning, type, labelled: true, reading: false } as const;
}
