import { readable, type VariableEntry, variables } from "../expression-variables.ts";
import { limits } from "../limits.ts";
import { functionEntries, operatorEntries } from "./cel.ts";
import { code, page, table } from "./markdown.ts";

/** CEL as Cohort has it. */
export function expressionPage(): string {
  return page(
    "# Expressions",
    "",
    "Expressions are [CEL](https://cel.dev) inside `${{ }}`. They are checked when a resource is applied:",
    "that they parse, that operands can fit, and that every name that they read is there. A key that takes",
    "a condition alone (`if`, `select`) may leave `${{ }}` out. Values are JSON; numbers are doubles.",
    "",
    "They are data only. What a step printed is never evaluated, and an expression inside program text",
    "(`run`, `script`) is refused: pass the value by `env` or `with`.",
    "",
    `An expression has at most ${limits.expressionBytesMax} bytes, and takes at most ${limits.expressionCostMax} operations each time: a loop takes`,
    "the length of its list times the size of its body, a match the length of its text. Beyond that it fails",
    "with `EXPRESSION_INVALID`.",
    "",
    `A step's id that holds \`-\` is read as \`steps["slow-down"]\`.`,
    "",
    "## What they may read, and where",
    "",
    table(
      ["where", "variables"],
      Object.entries(readable).map(([place, names]) => [
        places[place as keyof typeof readable],
        names.map(code).join(", "),
      ]),
    ),
    "",
    ...Object.entries<VariableEntry>(variables).flatMap(([name, entry]) => [
      `### ${name}`,
      "",
      entry.meaning,
      "",
      ...membersTable(entry),
      `Example: ${code(entry.example)}`,
      "",
    ]),
    "## Operators",
    "",
    table(["operator", "meaning"], operatorEntries),
    "",
    "## Functions",
    "",
    table(
      ["function", "meaning"],
      functionEntries.map(([name, meaning]) => [code(name), meaning]),
    ),
  );
}

/** Where each set of variables may be read; one that is missing here does not compile. */
const places: Readonly<Record<keyof typeof readable, string>> = {
  start: "`if` and `key` of `on.mqtt` and `on.webhook`, `inputs.NAME.default`",
  group: "`concurrency.group`",
  outputs: "`outputs` of a workflow",
  beginning: "`if`, `for_each`, `matrix` of a step",
  selector: "`nodes.select`",
  instance:
    "every other template of a step: `env`, `with`, `command`, `call`, `approve`, `publish`",
};

function membersTable({ members, nested = {} }: VariableEntry): readonly string[] {
  if (members === undefined) return [];
  const deeper = Object.entries(nested).flatMap(([member, names]) =>
    Object.entries(names).map(([name, meaning]) => [`${member}.${name}`, meaning] as const),
  );
  return [
    ...table(
      ["member", "meaning"],
      [...Object.entries(members), ...deeper].map(([name, meaning]) => [code(name), meaning]),
    ),
    "",
  ];
}
