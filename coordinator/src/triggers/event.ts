import { isDeeper } from "@cohort/proto/depth";
import { ExpressionError, type Template } from "@cohort/proto/expression";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { triggerKey } from "@cohort/proto/trigger-key";

/** JSON from outside as a value. Throws LIMIT_EXCEEDED, EVENT_PAYLOAD_INVALID. */
export function parseEvent(json: Uint8Array): unknown {
  if (json.length > limits.eventBytesMax) {
    throw refuse("LIMIT_EXCEEDED", `the event is larger than ${limits.eventBytesMax} bytes`);
  }
  const value = parse(json);
  if (isDeeper(value, limits.payloadDepthMax)) {
    throw refuse("EVENT_PAYLOAD_INVALID", "the event is nested too deeply");
  }
  return value;
}

/** What the event is about, "" for a trigger without a key. Throws INPUT_INVALID. */
export function keyOf(key: Template | null, event: unknown): string {
  try {
    return key === null ? "" : triggerKey(key, event);
  } catch (cause) {
    if (!(cause instanceof ExpressionError)) throw cause;
    const message = `the trigger's key cannot be computed: ${cause.message}`;
    throw refuse("INPUT_INVALID", message, {}, cause);
  }
}

function parse(json: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(json)) as unknown;
  } catch (cause) {
    throw refuse("EVENT_PAYLOAD_INVALID", "the event is not JSON in UTF-8", {}, cause);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
