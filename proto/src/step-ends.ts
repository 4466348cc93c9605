import type { ErrorCode } from "./errors.ts";

/** The limits of a step that end it, and the code that its result then has. */
const limitCodes = {
  memory: "STEP_MEMORY",
  cpu: "STEP_CPU",
  timeout: "STEP_TIMEOUT",
  output: "STEP_OUTPUT_TOO_LARGE",
  disk: "STEP_DISK",
  pids: "STEP_PIDS",
} as const satisfies Readonly<Record<string, ErrorCode>>;

export type StepLimit = keyof typeof limitCodes;

export const stepLimitNames = Object.keys(limitCodes) as StepLimit[];

/** The limit that a result's code tells of; undefined for any other end. */
export function limitOfCode(code: string): StepLimit | undefined {
  return stepLimitNames.find((limit) => limitCodes[limit] === code);
}
