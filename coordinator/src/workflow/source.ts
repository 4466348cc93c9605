import type { ErrorCode } from "@cohort/proto/errors";
import { limits } from "@cohort/proto/limits";
import { type Problem, problem } from "@cohort/proto/problem";
import {
  Composer,
  type Document,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  Parser,
} from "yaml";
import { excerptOf } from "./excerpt.ts";
import { characterFaults, depthFaults, documentFaults, type Place } from "./yaml-faults.ts";

/** A file that an operator applies; `path` as the operator named it. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Where a value stands: keys and indexes from the root of the document. */
export type Path = readonly (string | number)[];

/** A place in a text, both from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** One YAML document, with the way back from a value to its place in the file. */
export interface Source {
  readonly file: SourceFile;
  readonly value: unknown;
  /** A problem at the value at `path`, or at its nearest parent that exists. */
  problemAt(path: Path, code: ErrorCode, message: string, hint?: string): Problem;
  /**
   * A problem inside the text at `path`, at a line and a column of that text, from 1. Where the text
   * does not stand in the file as it is, the problem is at its beginning, and says line and column.
   */
  problemInside(path: Path, at: TextPlace, code: ErrorCode, message: string): Problem;
  /** A problem at the key itself. */
  problemAtKey(path: Path, key: string, code: ErrorCode, message: string, hint?: string): Problem;
}

/** Documents of a file, or all that is wrong with its YAML. */
export function readSources(given: SourceFile): { sources: Source[]; problems: Problem[] } {
  const file = { ...given, text: given.text.replace(/^\uFEFF/, "") };
  if (new TextEncoder().encode(file.text).length > limits.sourceBytesMax) {
    const message = `the file is larger than ${limits.sourceBytesMax} bytes`;
    return {
      sources: [],
      problems: [problem("LIMIT_EXCEEDED", message, { file: file.path, line: 1, column: 1 })],
    };
  }
  const counter = new LineCounter();
  const tokens = [...new Parser(counter.addNewLine).parse(file.text)];
  const place = placer(file, counter);
  const beforehand = [...characterFaults(file.text, place), ...depthFaults(tokens, place)];
  if (beforehand.length > 0) return { sources: [], problems: beforehand };
  const composer = new Composer({
    version: "1.2",
    schema: "core",
    merge: false,
    uniqueKeys: true,
    logLevel: "silent",
  });
  const sources: Source[] = [];
  const problems: Problem[] = [];
  for (const document of composer.compose(tokens, true, file.text.length)) {
    const faults = documentFaults(document, place);
    problems.push(...faults);
    if (faults.length === 0 && !isEmpty(document)) sources.push(sourceOf(file, document, place));
  }
  return { sources, problems };
}

/** Nothing but comments, as after a last "---". */
function isEmpty({ contents }: Document.Parsed): boolean {
  return contents === null || (isScalar(contents) && contents.source === "");
}

function placer(file: SourceFile, counter: LineCounter): Place {
  return (offset, code, message, hint = "") => {
    const { line, col: column } = counter.linePos(Math.min(offset, file.text.length));
    const { lineStarts } = counter;
    const text = file.text.slice(lineStarts[line - 1] ?? 0, lineStarts[line]);
    const excerpt = excerptOf(text.replace(/\r?\n$/, ""), column);
    return problem(code, message, { file: file.path, line, column, excerpt, hint });
  };
}

function sourceOf(file: SourceFile, document: Document.Parsed, place: Place): Source {
  return {
    file,
    value: document.toJS({ maxAliasCount: 0 }),
    problemAt: (path, code, message, hint) =>
      place(startOf(nearest(document, path)), code, message, hint),
    problemInside(path, at, code, message) {
      const node = nearest(document, path);
      const offset = offsetInside(file.text, node, at);
      if (offset !== null) return place(offset, code, message);
      const where = `${message} (line ${at.line}, column ${at.column} of the text)`;
      return place(startOf(node), code, where);
    },
    problemAtKey(path, key, code, message, hint) {
      const parent = nearest(document, path);
      const pair = isMap(parent)
        ? parent.items.find((it) => isScalar(it.key) && it.key.value === key)
        : undefined;
      const at = pair !== undefined && isNode(pair.key) ? pair.key : parent;
      return place(startOf(at), code, message, hint);
    },
  };
}

/** Only a literal block (`|`) has the lines of its text, each with the same indentation before it. */
function offsetInside(text: string, node: Node | null, { line, column }: TextPlace): number | null {
  if (!isScalar(node) || node.type !== "BLOCK_LITERAL" || node.range == null) return null;
  const [start, end] = node.range;
  const [header = "", ...lines] = text.slice(start, end).split("\n");
  const indentation = /\d/.test(header)
    ? null
    : /^ */.exec(lines.find((it) => /\S/.test(it)) ?? "");
  if (indentation === null || lines[line - 1] === undefined) return null;
  const before = [header, ...lines.slice(0, line - 1)].join("\n").length + 1;
  return start + before + indentation[0].length + column - 1;
}

function nearest(document: Document.Parsed, path: Path): Node | null {
  for (let length = path.length; length > 0; length--) {
    const found = document.getIn(path.slice(0, length), true);
    if (isNode(found)) return found;
  }
  return document.contents;
}

function startOf(node: Node | null): number {
  return (node?.range?.[0] ?? 0) as number;
}
