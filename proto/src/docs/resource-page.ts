import type { ResourceKind } from "../resources/resources.ts";
import { code, page, table } from "./markdown.ts";
import { type Section, sectionsOf } from "./sections.ts";
import { defaultText, typeText } from "./type-text.ts";

/** Every key of a kind of resource: what it means, what it takes, what leaving it out means. */
export function resourcePage(kind: ResourceKind, schema: object, example: string): string {
  const sections = sectionsOf(schema);
  const [top, ...nested] = sections;
  const intro = top?.schema.description ?? "";
  return page(
    `# kind: ${kind}`,
    "",
    intro,
    "",
    ...(example === "" ? [] : ["```yaml", example.trimEnd(), "```", ""]),
    "Types such as duration, template and name are explained [on the first page](README.md#types).",
    "What expressions may read stands in [expressions](expressions.md).",
    "",
    "## Keys",
    "",
    ...(top === undefined ? [] : keyTable(top, sections)),
    ...nested.flatMap((section) => [
      "",
      `## ${section.heading}`,
      "",
      ...(section.schema.description === undefined ? [] : [section.schema.description, ""]),
      ...keyTable(section, sections),
    ]),
  );
}

function keyTable({ schema }: Section, sections: readonly Section[]): readonly string[] {
  const whole = schema.anyOf?.[0]?.required ?? [];
  const required = new Set([...(schema.required ?? []), ...whole]);
  return table(
    ["key", "type", "default", "meaning"],
    Object.entries(schema.properties ?? {}).map(([key, it]) => [
      code(key),
      typeText(it, sections),
      required.has(key) ? "**required**" : defaultText(it),
      it.description ?? "",
    ]),
  );
}
