import type { Facts } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { type FactName, isFactName, nodeFacts } from "@cohort/proto/node-facts";
import { refuse } from "@cohort/proto/problem";
import { fleetLimits } from "./limits.ts";

export type Labels = Readonly<Record<string, string>>;

/**
 * What holds of a node: what its agent said, with the operator's labels in place of facts that have
 * the same name. Total: a label that is no value of the fact leaves it as it was.
 */
export function factsUnder(labels: Labels, probed: Facts): Facts {
  let facts = probed;
  for (const [name, text] of Object.entries(labels)) {
    const value = isFactName(name) ? parseFact(name, text) : null;
    if (value !== null) facts = { ...facts, [fieldOf[name as FactName]]: value };
  }
  return facts;
}

/** What expressions see as `node.facts`. */
export function factVariables(facts: Facts): Record<string, unknown> {
  const all = Object.entries(fieldOf).map(([name, field]) => [name, facts[field]]);
  return Object.fromEntries(all.filter(([, value]) => value !== undefined));
}

/** Of two descriptions of a machine: what moves by itself, or more than that. */
export function differenceOf(before: Facts, after: Facts): "none" | "readings" | "facts" {
  const names = Object.keys(fieldOf) as FactName[];
  const changed = names.filter((name) => {
    const field = fieldOf[name];
    return JSON.stringify(before[field]) !== JSON.stringify(after[field]);
  });
  if (changed.length === 0) return "none";
  return changed.every((name) => nodeFacts[name].reading) ? "readings" : "facts";
}

/** Throws USAGE: for names and values that no label may have. */
export function assertLabels(labels: Labels): void {
  const entries = Object.entries(labels);
  if (entries.length > fleetLimits.labelsMax) {
    throw refuse("USAGE", `a node has at most ${fleetLimits.labelsMax} labels`);
  }
  for (const [name, value] of entries) {
    if (!labelName.test(name) || name.length > fleetLimits.labelNameLengthMax) {
      throw refuse("USAGE", `${JSON.stringify(name)} is no name for a label`, {
        hint: "Begin with a letter; go on with letters, digits, - and _.",
      });
    }
    if (!labelValue.test(value) || value.length > fleetLimits.labelValueLengthMax) {
      throw refuse(
        "USAGE",
        `the value of label ${name} is too long or holds unprintable characters`,
      );
    }
    if (isFactName(name)) assertFact(name, value);
  }
}

const labelName = /^[A-Za-z][A-Za-z0-9_-]*$/;
const labelValue = /^\P{C}*$/u;

function assertFact(name: FactName, text: string): void {
  if (!nodeFacts[name].labelled) {
    throw refuse("USAGE", `${name} is what a node must prove, so no label may say it`, {
      hint: "Choose another name for the label.",
    });
  }
  if (parseFact(name, text) !== null) return;
  const form = nodeFacts[name].type === "list" ? "names, with commas between" : "a whole number";
  throw refuse("USAGE", `label ${name} takes the place of a fact, so it must be ${form}`);
}

/** The label as a value of the fact; null where it is none. */
function parseFact(name: FactName, text: string): string | number | string[] | null {
  const { type, labelled } = nodeFacts[name];
  if (!labelled) return null;
  if (type === "string") return text;
  if (type === "number") {
    const whole = name === "temperature_celsius" ? /^-?\d{1,3}$/ : /^\d{1,15}$/;
    return whole.test(text) ? Number(text) : null;
  }
  const names = text === "" ? [] : text.split(",").map((it) => it.trim());
  return names.length <= limits.devicesMax && names.every((it) => it !== "") ? names : null;
}

const fieldOf = {
  version: "version",
  arch: "arch",
  isolation: "isolation",
  slots: "slots",
  kernel: "kernel",
  hostname: "hostname",
  cores: "cores",
  memory_bytes: "memoryBytes",
  devices: "devices",
  models: "models",
  disk_bytes: "diskBytes",
  disk_free_bytes: "diskFreeBytes",
  temperature_celsius: "temperatureCelsius",
} as const satisfies Record<FactName, keyof Facts>;
