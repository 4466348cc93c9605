import { compileExpression, ExpressionError, type Template } from "@cohort/proto/expression";
import type { WorkflowStep } from "@cohort/proto/resources/workflow";

/** What a step waits for. */
export interface Dependencies {
  /** Steps that must have ended, each once. */
  readonly steps: readonly string[];
  /** Over how they ended, see `endVariables`; null: all of them must have ended well. */
  readonly condition: Template | null;
}

/** How a step ended; `well`: it succeeded, or its failure is one to go on after. */
export interface End {
  readonly state: string;
  readonly well: boolean;
}

/**
 * `depends` as a list of ids, or as a condition over `a` (ended well), `a.succeeded`, `a.failed` and
 * `a.skipped`. An id may hold "-", which CEL takes for minus, so each is replaced by a name of our own
 * before CEL sees it. Throws ExpressionError.
 */
export function parseDependencies(depends: WorkflowStep["depends"]): Dependencies {
  if (typeof depends !== "string") return { steps: [...new Set(depends)], condition: null };
  const steps: string[] = [];
  const rewritten = tokensOf(depends).map(({ text, id, end }) => {
    if (id === undefined) return text;
    if (!steps.includes(id)) steps.push(id);
    return variable(steps.indexOf(id), end ?? "well");
  });
  return { steps, condition: compileExpression(rewritten.join(" ")) };
}

/** What the condition reads, when all its steps have ended. */
export function endVariables({ steps }: Dependencies, endOf: (step: string) => End) {
  return Object.fromEntries(
    steps.flatMap((step, at) => {
      const { state, well } = endOf(step);
      const states = ends.map((end) => [variable(at, end), state === end] as const);
      return [[variable(at, "well"), well] as const, ...states];
    }),
  );
}

const ends = ["succeeded", "failed", "skipped"];
const variable = (at: number, end: string) => `s${at}_${end}`;

interface Token {
  readonly text: string;
  readonly id?: string;
  readonly end?: string;
}

const token = /\s*(?:(?<sign>&&|\|\||[!()])|(?<id>[a-z0-9][a-z0-9-]*)(?:\.(?<end>\w+))?)\s*/y;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const groups = token.exec(text)?.groups;
    if (groups === undefined) {
      const message = `a condition over steps holds their ids, ${ends.map((end) => `.${end}`).join(", ")}, &&, ||, ! and parentheses; "${text.slice(at).trim().slice(0, 16)}" is none of these`;
      throw new ExpressionError(message, at);
    }
    const { sign, id, end } = groups;
    if (end !== undefined && !ends.includes(end)) {
      throw new ExpressionError(`a step may have ${ends.join(", ")}, not "${end}"`, at);
    }
    tokens.push({
      text: sign ?? "",
      ...(id === undefined ? {} : { id }),
      ...(end === undefined ? {} : { end }),
    });
  }
  return tokens;
}
