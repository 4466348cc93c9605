import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import type { ServiceRule } from "@cohort/proto/resources/service/rules";
import { allowsQuery } from "./query.ts";

/** A path that every server reads the same way, and its query, "" or from "?" on. */
export interface CallPath {
  readonly path: string;
  readonly query: string;
}

/**
 * Takes a path apart, or throws USAGE when two servers could read it differently: characters that
 * RFC 3986 section 3.3 does not have, empty, "." and ".." segments, and encodings of what needs
 * none (section 6.2.2.2), of "/", "\", "%" and control characters, or of no UTF-8.
 */
export function parsePath(text: string): CallPath {
  if (text.length > limits.proxyPathBytesMax) {
    throw refuse("LIMIT_EXCEEDED", `the path is longer than ${limits.proxyPathBytesMax} bytes`);
  }
  const mark = text.indexOf("?");
  const path = mark === -1 ? text : text.slice(0, mark);
  const query = mark === -1 ? "" : text.slice(mark);
  if (!pathCharacters.test(path) || !queryCharacters.test(query)) throw malformed("a character");
  for (const segment of path.split("/").slice(1, -1)) checkSegment(segment);
  const last = path.slice(path.lastIndexOf("/") + 1);
  if (last !== "") checkSegment(last);
  return { path: upperCaseEscapes(path), query };
}

/**
 * In a pattern "*" is one segment, and "**" at the end any rest below the path before it. `query`:
 * the names of the query's parameters.
 */
export function allows(
  rules: readonly ServiceRule[],
  method: string,
  path: string,
  query: readonly string[] = [],
): boolean {
  return rules.some(
    (rule) =>
      rule.methods.some((it) => it === method) &&
      matches(upperCaseEscapes(rule.path), path) &&
      allowsQuery(query, rule.query),
  );
}

const pathCharacters = /^\/(?:[\w\-.~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;
const queryCharacters = /^(?:\?(?:[\w\-.~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*)?$/;

function checkSegment(segment: string): void {
  if (segment === "") throw malformed("an empty segment");
  // Some servers cut a segment's parameters off before they look for "..".
  const [name] = segment.split(";");
  if (name === "." || name === "..") throw malformed("a dot segment");
  for (const [encoding] of segment.matchAll(/%../g)) {
    const byte = Number.parseInt(encoding.slice(1), 16);
    if (byte <= 0x20 || byte === 0x7f || /[\w\-.~/\\%]/.test(String.fromCharCode(byte))) {
      throw malformed(`the encoding ${encoding}`);
    }
  }
  try {
    decodeURIComponent(segment);
  } catch {
    throw malformed("an encoding of no UTF-8");
  }
}

function malformed(what: string) {
  return refuse("USAGE", `the path has ${what} that servers may read in different ways`);
}

function upperCaseEscapes(path: string): string {
  return path.replace(/%[0-9A-Fa-f]{2}/g, (encoding) => encoding.toUpperCase());
}

function matches(pattern: string, path: string): boolean {
  const expected = pattern.split("/");
  const given = path.split("/");
  const open = expected.at(-1) === "**";
  if (open) expected.pop();
  if (open ? given.length <= expected.length : given.length !== expected.length) return false;
  return expected.every((segment, index) => {
    return segment === "*" ? given[index] !== "" : segment === given[index];
  });
}
