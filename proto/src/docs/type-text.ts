import { anchor, code } from "./markdown.ts";
import { formsOf, type Schema, type Section, sectionOf } from "./sections.ts";

/** What a key takes, in words, with links to the mappings that it holds. */
export function typeText(schema: Schema, sections: readonly Section[]): string {
  const forms = formsOf(schema).map((form) => formText(form, sections));
  return [...new Set(forms)].join(" or ");
}

/** What stands for a key that is left out; a dash where its meaning says that. */
export function defaultText({ default: value }: Schema): string {
  if (value === undefined) return "–";
  if (isEmpty(value)) return Array.isArray(value) ? "none" : "–";
  return code(typeof value === "string" ? value : JSON.stringify(value));
}

/** Of a list or mapping: that it, or all that it holds, is. */
function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.values(value).every(isEmpty);
}

function formText(schema: Schema, sections: readonly Section[]): string {
  const section = schema.properties === undefined ? undefined : sectionOf(schema, sections);
  if (section !== undefined) return `[mapping](#${anchor(section.heading)})`;
  if (schema.$ref?.endsWith("/value") === true) return typeLink("value");
  if (schema.title !== undefined) return typeLink(schema.title);
  if (schema.const !== undefined) return code(String(schema.const));
  if (schema.enum !== undefined) return schema.enum.map((it) => code(String(it))).join(", ");
  if (schema.type === "array") {
    const most = schema.maxItems === undefined ? "" : ` (at most ${schema.maxItems})`;
    return `list of ${typeText(schema.items ?? {}, sections)}${most}`;
  }
  if (typeof schema.additionalProperties === "object") {
    return `mapping of names to ${typeText(schema.additionalProperties, sections)}`;
  }
  if (schema.type === "boolean") return "`true`, `false`";
  if (schema.type === "string") {
    return schema.maxLength === undefined ? "text" : `text, at most ${schema.maxLength} characters`;
  }
  return `${schema.type ?? "anything"}${rangeText(schema)}`;
}

function rangeText({ minimum, maximum }: Schema): string {
  const [least, most] = [minimum, maximum].map((it) =>
    it !== undefined && Number.isSafeInteger(it) && Math.abs(it) < Number.MAX_SAFE_INTEGER
      ? it
      : undefined,
  );
  if (least !== undefined && most !== undefined) return `, ${least} to ${most}`;
  if (least !== undefined) return `, at least ${least}`;
  return most === undefined ? "" : `, at most ${most}`;
}

function typeLink(title: string): string {
  return `[${title}](${title === "error code" ? "errors.md" : `README.md#${anchor(title)}`})`;
}
