import { Problem } from "../gen/cohort/problem.ts";
import { type ErrorCode, errors, isErrorCode } from "./errors.ts";

export { Problem };

/** A problem with the fields that are known; the rest stay empty. */
export function problem(
  code: ErrorCode,
  message: string,
  rest: Partial<Omit<Problem, "code" | "message">> = {},
): Problem {
  return Problem.fromPartial({ code, message, ...rest });
}

/** One or more problems, thrown. `message` is the first one's. */
export class CohortError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], options?: ErrorOptions) {
    super(problems[0]?.message ?? "unknown problem", options);
    this.name = "CohortError";
    this.problems = problems;
  }

  /** Code of the first problem; INTERNAL when it is none that this version knows. */
  get code(): ErrorCode {
    const code = this.problems[0]?.code ?? "";
    return isErrorCode(code) ? code : "INTERNAL";
  }

  /** Exit status that the `cohort` command ends with. */
  get exit(): number {
    return errors[this.code].exit;
  }
}

/** Shorthand for a single problem. */
export function refuse(
  code: ErrorCode,
  message: string,
  rest?: Partial<Omit<Problem, "code" | "message">>,
  cause?: unknown,
): CohortError {
  return new CohortError([problem(code, message, rest)], { cause });
}

/** For people: `CODE message`, the place, the excerpt with its caret, the remedy. */
export function formatProblem(it: Problem): string {
  const place = it.file === "" ? "" : `${it.file}:${it.line}:${it.column}: `;
  const lines = [`${place}${it.code} ${it.message}`];
  if (it.excerpt !== "") lines.push(...it.excerpt.split("\n").map((line) => `  | ${line}`));
  if (it.hint !== "") lines.push(`  ${it.hint}`);
  return lines.join("\n");
}
