import type { Dispatch, OutputSource } from "@cohort/proto/gen/cohort/node";
import { parseJson } from "@cohort/proto/json";
import { type CohortError, refuse } from "@cohort/proto/problem";
import type { SandboxProcess } from "../host.ts";
import { hostErrorCode } from "../host-error.ts";

/** The file that COHORT_OUTPUT names, below /work. */
export function outputPath({ output }: Pick<Dispatch, "output">): string {
  return output?.path || "output.json";
}

/**
 * The step's output as JSON text, "" when it left none. `stdout` is null when it was longer than
 * `bytesMax`. Throws STEP_OUTPUT_INVALID, STEP_OUTPUT_MISSING, STEP_OUTPUT_TOO_LARGE.
 */
export function stepOutput(
  process: Pick<SandboxProcess, "collect">,
  source: OutputSource | undefined,
  stdout: Uint8Array | null,
  bytesMax: number,
): string {
  if (source?.stdout === true) {
    if (stdout === null) throw tooLarge("stdout", bytesMax);
    return jsonText("stdout", stdout);
  }
  const file = collectOutput(process, outputPath({ output: source }), bytesMax);
  if (file !== null) return file.length === 0 ? "" : jsonText("$COHORT_OUTPUT", file);
  if (source?.required !== true) return "";
  throw refuse("STEP_OUTPUT_MISSING", `the step left no file ${source.path}`);
}

function collectOutput(
  process: Pick<SandboxProcess, "collect">,
  path: string,
  bytesMax: number,
): Uint8Array | null {
  try {
    return process.collect(path, bytesMax);
  } catch (cause) {
    const code = hostErrorCode(cause);
    if (code === "TOO_LARGE") throw tooLarge("$COHORT_OUTPUT", bytesMax);
    if (code === "NOT_REGULAR") {
      throw refuse("STEP_OUTPUT_INVALID", "$COHORT_OUTPUT is not a regular file");
    }
    throw refuse("STEP_OUTPUT_INVALID", "$COHORT_OUTPUT cannot be read", {}, cause);
  }
}

function jsonText(what: string, bytes: Uint8Array): string {
  const text = decodeUtf8(bytes)?.trim() ?? null;
  if (text !== null && parseJson(text) !== undefined) return text;
  throw refuse("STEP_OUTPUT_INVALID", `${what} is not JSON in UTF-8`);
}

function tooLarge(what: string, bytesMax: number): CohortError {
  return refuse("STEP_OUTPUT_TOO_LARGE", `${what} is larger than ${bytesMax} bytes`);
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
