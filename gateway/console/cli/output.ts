import { type CohortError, formatProblem, type Problem } from "@cohort/proto/problem";
import { neutraliseLines } from "@cohort/proto/text";
import { cyan, green, grey, red, yellow } from "./colours.ts";
import { type Cell, formatTable, type Paint } from "./table.ts";
import { terminalJson } from "./text.ts";

/** What a command may do to the world around it. */
export interface Terminal {
  readonly writeResult: (text: string) => void;
  readonly writeProgress: (text: string) => void;
  readonly readInput: () => Promise<Buffer>;
  /** Asks on the terminal without an echo; null when there is no terminal. */
  readonly askSecret: ((question: string) => Promise<string>) | null;
  readonly colour: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
}

export type Format = "table" | "json";

/** Results to stdout, as JSON or for people; everything else to stderr. */
export class Output {
  readonly format: Format;
  readonly #terminal: Terminal;

  constructor(terminal: Terminal, format: Format) {
    this.#terminal = terminal;
    this.format = format;
  }

  /** The one result of a command: a JSON document, or what `human` gives. */
  result(json: unknown, human: () => string): void {
    const text = this.format === "json" ? terminalJson(json, 2) : human();
    this.#terminal.writeResult(`${text}\n`);
  }

  /** One of many results: a line of JSON, or what `human` gives, line break included. */
  item(json: () => unknown, human: () => string): void {
    this.#terminal.writeResult(this.format === "json" ? `${terminalJson(json())}\n` : human());
  }

  /** For people only, and never in the way of a result. */
  progress(text: string): void {
    this.#terminal.writeProgress(`${neutraliseLines(text)}\n`);
  }

  error(error: CohortError): void {
    if (this.format === "json") {
      this.#terminal.writeProgress(
        `${terminalJson({ problems: error.problems.map(problemView) })}\n`,
      );
      return;
    }
    for (const it of error.problems) this.progress(formatProblem(it));
  }

  table(titles: readonly string[], rows: readonly (readonly (Cell | string)[])[]): string {
    return formatTable(titles, rows);
  }

  /** A state in its colour. */
  state(text: string): Cell {
    return { text, paint: this.#terminal.colour ? stateColours[text] : undefined };
  }

  /** A unified diff in its colours. */
  diff(text: string): string {
    const lines = neutraliseLines(text).split("\n");
    if (!this.#terminal.colour) return lines.join("\n");
    return lines
      .map((line) => diffColours.find(([start]) => start.test(line))?.[1](line) ?? line)
      .join("\n");
  }
}

function problemView(it: Problem): Partial<Problem> {
  const { file, line, column, excerpt, ...rest } = it;
  return file === "" ? rest : it;
}

const diffColours: readonly (readonly [RegExp, Paint])[] = [
  [/^[+]/, green],
  [/^-/, red],
  [/^@/, cyan],
];

const stateColours: Readonly<Record<string, Paint>> = {
  succeeded: green,
  connected: green,
  posted: green,
  ok: green,
  updated: green,
  draining: yellow,
  sent: yellow,
  away: grey,
  running: yellow,
  pending: yellow,
  failed: red,
  disconnected: red,
  uncertain: red,
  paused: yellow,
  waiting: grey,
  queued: grey,
  skipped: grey,
  invited: grey,
};
