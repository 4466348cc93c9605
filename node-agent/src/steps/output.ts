import { refuse } from "@cohort/proto/problem";
import type { SandboxProcess } from "../host.ts";
import { hostErrorCode } from "../host-error.ts";

/**
 * The step's output as JSON text: what it left in $COHORT_OUTPUT, else its whole stdout when that
 * is an object or an array, else "". `stdout` is null when it was longer than `bytesMax`. Throws
 * STEP_OUTPUT_INVALID.
 */
export function stepOutput(
  process: Pick<SandboxProcess, "collect">,
  stdout: Uint8Array | null,
  bytesMax: number,
): string {
  const file = collectOutput(process, bytesMax);
  if (file === null) return outputOfStdout(stdout);
  const text = decodeUtf8(file)?.trim() ?? null;
  if (text === "") return "";
  if (text === null || parseJson(text) === undefined) {
    throw refuse("STEP_OUTPUT_INVALID", "$COHORT_OUTPUT is not JSON in UTF-8");
  }
  return text;
}

function collectOutput(
  process: Pick<SandboxProcess, "collect">,
  bytesMax: number,
): Uint8Array | null {
  try {
    return process.collect("output.json", bytesMax);
  } catch (cause) {
    const code = hostErrorCode(cause);
    if (code === "TOO_LARGE") {
      throw refuse("STEP_OUTPUT_INVALID", `$COHORT_OUTPUT is larger than ${bytesMax} bytes`);
    }
    if (code === "NOT_REGULAR") {
      throw refuse("STEP_OUTPUT_INVALID", "$COHORT_OUTPUT is not a regular file");
    }
    throw refuse("STEP_OUTPUT_INVALID", "$COHORT_OUTPUT cannot be read", {}, cause);
  }
}

/** Text that happens to be a number or a word stays text. */
function outputOfStdout(stdout: Uint8Array | null): string {
  const text = stdout === null ? "" : (decodeUtf8(stdout)?.trim() ?? "");
  if (!/^[[{]/.test(text)) return "";
  return parseJson(text) === undefined ? "" : text;
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** undefined when the text is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
