import type { ErrorCode } from "@cohort/proto/errors";
import { limits } from "@cohort/proto/limits";
import type { Problem } from "@cohort/proto/problem";
import { type CST, type Document, isAlias, isCollection, isNode, isPair, isScalar } from "yaml";

/** A problem at a place in the file, as UTF-16 units from its beginning. */
export type Place = (offset: number, code: ErrorCode, message: string, hint?: string) => Problem;

/** Characters that YAML 1.2 has not (section 5.1), outside escapes. */
export function characterFaults(text: string, place: Place): Problem[] {
  const found = unprintable.exec(text);
  if (found === null) return [];
  const code = (found[0].codePointAt(0) as number).toString(16).toUpperCase().padStart(4, "0");
  const hint = 'Take it out, or write it as an escape in a text in double quotes: "\\x07".';
  return [place(found.index, "YAML_SYNTAX", `the character U+${code} is not accepted`, hint)];
}

/** The first collection that is too deep. Before documents are made of tokens: that takes a stack. */
export function depthFaults(tokens: readonly CST.Token[], place: Place): Problem[] {
  const left = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { token, depth } = next;
    if (depth > limits.sourceDepthMax) {
      return [
        place(token.offset, "LIMIT_EXCEEDED", `nested deeper than ${limits.sourceDepthMax} levels`),
      ];
    }
    if (token.type === "document") {
      if (token.value !== undefined) left.push({ token: token.value, depth });
    } else if ("items" in token) {
      for (const { key, value } of token.items) {
        if (key != null) left.push({ token: key, depth: depth + 1 });
        if (value != null) left.push({ token: value, depth: depth + 1 });
      }
    }
  }
  return [];
}

/** Syntax errors, and what YAML allows but Cohort does not: tags, aliases, merge keys, YAML 1.1. */
export function documentFaults(document: Document.Parsed, place: Place): Problem[] {
  // Every tag is found below, those that the library warns of and those that it knows.
  const warnings = document.warnings.filter(({ code }) => code !== "TAG_RESOLVE_FAILED");
  const faults = [...document.errors, ...warnings].map((error) =>
    place(error.pos[0], "YAML_SYNTAX", error.message.split("\n")[0] as string),
  );
  if (document.errors.length > 0) return faults;
  const { explicit, version } = document.directives.yaml;
  if (explicit === true && version !== "1.2") {
    return [place(document.range[0], "YAML_SYNTAX", `YAML ${version} is not accepted`, "Use 1.2.")];
  }
  addNodeFaults(document.contents, place, faults);
  return faults;
}

/** The library's `visit` makes a list of parents for each node, which costs as much as composing. */
function addNodeFaults(node: unknown, place: Place, faults: Problem[]): void {
  if (!isNode(node)) return;
  const start = node.range?.[0] ?? 0;
  if (isAlias(node)) {
    const hint = "Write the value out.";
    faults.push(place(start, "YAML_SYNTAX", "aliases are not accepted", hint));
  } else if (node.tag !== undefined) {
    const hint = "Leave it out; put a text that looks like something else in quotes.";
    faults.push(place(start, "YAML_SYNTAX", "tags are not accepted", hint));
  }
  if (!isCollection(node)) return;
  for (const item of node.items) {
    if (!isPair(item)) {
      addNodeFaults(item, place, faults);
      continue;
    }
    addKeyFaults(item.key, place, faults);
    addNodeFaults(item.key, place, faults);
    addNodeFaults(item.value, place, faults);
  }
}

function addKeyFaults(key: unknown, place: Place, faults: Problem[]): void {
  if (!isScalar(key) || key.value !== "<<" || key.type !== "PLAIN") return;
  const hint = 'Write the keys out; a key of this name is "<<" in quotes.';
  faults.push(place(key.range?.[0] ?? 0, "YAML_SYNTAX", "merge keys are not accepted", hint));
}

const unprintable = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;
