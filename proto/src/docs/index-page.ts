import { limits } from "../limits.ts";
import { formatSize } from "../quantity.ts";
import type { ResourceKind } from "../resources/resources.ts";
import { page } from "./markdown.ts";

/** What there is to read, and the types of values. */
export function indexPage(kinds: readonly ResourceKind[]): string {
  return page(
    "# Reference",
    "",
    "`cohort apply -f PATH` takes YAML documents, each of one kind:",
    "",
    ...kinds.map((kind) => `- [${kind}](${kind}.md)`),
    "",
    "What they have in common:",
    "",
    "- [expressions](expressions.md): what `${{ }}` may hold and read",
    "- [errors](errors.md): every code, with its remedy",
    "- [catalogue](catalogue.md): well-known services that come with Cohort",
    "- [resource.schema.json](resource.schema.json): the JSON Schema, which `cohort schema` prints too",
    "",
    "An editor that knows the YAML language server checks and completes a file that begins with",
    "",
    "```yaml",
    "# yaml-language-server: $schema=resource.schema.json",
    "```",
    "",
    "which `cohort schema > resource.schema.json` writes beside it. `cohort schema workflow` is of one kind alone.",
    "",
    "## Files",
    "",
    `A file is YAML 1.2 (core schema) of at most ${formatSize(limits.sourceBytesMax)}, nested at most ${limits.sourceDepthMax} levels deep, and may hold several`,
    "documents. `yes`, `no`, `on` and `off` are texts. A key may stand once. Tags, aliases, merge keys and",
    "`%YAML 1.1` are refused. All that is wrong is told at once, each with file, line and column.",
    "",
    "## Types",
    "",
    ...types.flatMap(([title, text]) => [`### ${title}`, "", text, ""]),
  );
}

const types: readonly (readonly [string, string])[] = [
  [
    "name",
    `Lower-case letters, digits and \`-\`, neither first nor last a \`-\`; at most ${limits.nameLengthMax} characters.`,
  ],
  [
    "duration",
    "Numbers with `ms`, `s`, `m`, `h` or `d`, largest first or not: `90s`, `1h30m`, `250ms`.",
  ],
  [
    "size",
    "A number with `B`, `KB`, `MB`, `GB` (powers of 1000) or `KiB`, `MiB`, `GiB` (powers of 1024): `64MiB`.",
  ],
  ["amount", "Money in US dollars with at most nine decimals: `0.20 USD`."],
  [
    "template",
    "Text that may hold [expressions](expressions.md): `press ${{ inputs.press }}`. One expression alone keeps the type of its value.",
  ],
  [
    "JSON Schema",
    "A JSON Schema as a mapping: `{ type: string, description: Number of the press }`.",
  ],
  ["value", "Any YAML value; every text in it is a template."],
];
