import type { ErrorCode } from "@cohort/proto/errors";
import { limits } from "@cohort/proto/limits";
import { type Problem, problem } from "@cohort/proto/problem";
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from "yaml";

/** A file that an operator applies; `path` as the operator named it. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Where a value stands: keys and indexes from the root of the document. */
export type Path = readonly (string | number)[];

/** One YAML document, with the way back from a value to its place in the file. */
export interface Source {
  readonly file: SourceFile;
  readonly value: unknown;
  /** A problem at the value at `path`, or at its nearest parent that exists. */
  problemAt(path: Path, code: ErrorCode, message: string, hint?: string): Problem;
  /** A problem at the key itself. */
  problemAtKey(path: Path, key: string, code: ErrorCode, message: string, hint?: string): Problem;
}

/** Documents of a file, or all that is wrong with its YAML. */
export function readSources(file: SourceFile): { sources: Source[]; problems: Problem[] } {
  if (file.text.length > limits.sourceBytesMax) {
    const message = `the file is larger than ${limits.sourceBytesMax} bytes`;
    return {
      sources: [],
      problems: [problem("LIMIT_EXCEEDED", message, { file: file.path, line: 1, column: 1 })],
    };
  }
  const counter = new LineCounter();
  const documents = parseAllDocuments(file.text, {
    version: "1.2",
    schema: "core",
    merge: false,
    uniqueKeys: true,
    lineCounter: counter,
    prettyErrors: false,
    logLevel: "silent",
  });
  const sources: Source[] = [];
  const problems: Problem[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    const place = placer(file, counter);
    const faults = faultsOf(document, place);
    problems.push(...faults);
    if (faults.length === 0 && document.contents !== null)
      sources.push(sourceOf(file, document, place));
  }
  return { sources, problems };
}

type Place = (offset: number, code: ErrorCode, message: string, hint?: string) => Problem;

function placer(file: SourceFile, counter: LineCounter): Place {
  return (offset, code, message, hint = "") => {
    const { line, col } = counter.linePos(Math.min(offset, file.text.length));
    const text = (file.text.split("\n")[line - 1] ?? "").trimEnd();
    const excerpt = `${text}\n${" ".repeat(Math.max(0, col - 1))}^`;
    return problem(code, message, { file: file.path, line, column: col, excerpt, hint });
  };
}

/** Syntax errors, and what YAML allows but Cohort does not: tags, aliases, depth. */
function faultsOf(document: Document.Parsed, place: Place): Problem[] {
  const faults = [...document.errors, ...document.warnings].map((error) =>
    place(error.pos[0], "YAML_SYNTAX", error.message.split("\n")[0] as string),
  );
  if (faults.length > 0) return faults;
  visit(document, {
    Alias(_, alias) {
      faults.push(
        place(
          alias.range?.[0] ?? 0,
          "YAML_SYNTAX",
          "aliases are not accepted",
          "Write the value out.",
        ),
      );
    },
    Node(_, node, parents) {
      const at = (node.range?.[0] ?? 0) as number;
      if (node.tag?.startsWith("!") === true) {
        faults.push(place(at, "YAML_SYNTAX", `the tag ${node.tag} is not accepted`));
      }
      if (parents.length > 2 * limits.sourceDepthMax) {
        faults.push(
          place(at, "LIMIT_EXCEEDED", `nested deeper than ${limits.sourceDepthMax} levels`),
        );
        return visit.BREAK;
      }
      return undefined;
    },
  });
  return faults;
}

function sourceOf(file: SourceFile, document: Document.Parsed, place: Place): Source {
  return {
    file,
    value: document.toJS({ maxAliasCount: 0 }),
    problemAt: (path, code, message, hint) =>
      place(startOf(nearest(document, path)), code, message, hint),
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
