import { isDeeper } from "@cohort/proto/depth";
import { limits as shared } from "@cohort/proto/limits";
import { type Problem, problem } from "@cohort/proto/problem";

export type Payload =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: Problem };

/** What a broker delivered, as JSON; otherwise EVENT_PAYLOAD_INVALID with what to do about it. */
export function parsePayload(topic: string, bytes: Uint8Array): Payload {
  if (bytes.length > shared.eventBytesMax) {
    return refused(
      `a message to ${topic} has ${bytes.length} bytes; an event may have ${shared.eventBytesMax}`,
      "Send a reference to the data, or narrow the trigger's topic to messages that are events.",
    );
  }
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return refused(`a message to ${topic} is not UTF-8`, sendJson);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refused(`a message to ${topic} is not JSON`, sendJson);
  }
  if (isDeeper(value, shared.payloadDepthMax))
    return refused(`a message to ${topic} is nested too deeply`, sendJson);
  return { ok: true, value };
}

const sendJson = 'Have the sensor send JSON, such as {"rms": 4.7}, or narrow the trigger\'s topic.';

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function refused(message: string, hint: string): Payload {
  return { ok: false, problem: problem("EVENT_PAYLOAD_INVALID", message, { hint }) };
}
