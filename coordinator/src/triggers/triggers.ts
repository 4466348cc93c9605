import { ExpressionError, type Template } from "@cohort/proto/expression";
import type {
  SubmitEventReply,
  SubmitEventRequest,
  TriggerSet,
} from "@cohort/proto/gen/cohort/console";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { triggerKey } from "@cohort/proto/trigger-key";
import { type Catalogue, resourcesOf, workflowAt } from "../catalogue/catalogue.ts";
import { decideStart, newestVersion, type StartedRuns } from "../scheduler/decide-start.ts";
import type { Writer } from "../state/writer.ts";

/** What gateways are to listen for: the MQTT triggers of every workflow's newest version. */
export function triggerSet(catalogue: Catalogue): TriggerSet {
  return {
    mqtt: resourcesOf(catalogue, "workflow").flatMap(({ name, version }) =>
      workflowAt(catalogue, version).definition.on.mqtt.map((trigger, index) => ({
        workflow: name,
        index,
        topic: trigger.topic,
        condition: bareCondition(trigger.if ?? ""),
        key: trigger.key ?? "",
        debounceMs: trigger.debounce ?? 0,
      })),
    ),
  };
}

/**
 * Starts the run that an event asks for. The event's id is its idempotency key: a gateway that heard
 * no answer submits it again. Throws USAGE, LIMIT_EXCEEDED, EVENT_PAYLOAD_INVALID, WORKFLOW_UNKNOWN,
 * INPUT_INVALID.
 */
export async function submitEvent(
  writer: Writer,
  history: StartedRuns,
  { id, source, workflow, trigger, eventJson }: SubmitEventRequest,
  actor: string,
  run: string,
): Promise<SubmitEventReply> {
  if (id === "" || id.length > limits.eventIdLengthMax)
    throw refuse("USAGE", "the event needs an id");
  if (source !== "mqtt") throw refuse("USAGE", `no trigger has the source "${source}"`);
  if (Buffer.byteLength(eventJson) > limits.eventBytesMax) {
    throw refuse("LIMIT_EXCEEDED", `the event is larger than ${limits.eventBytesMax} bytes`);
  }
  const event = parseEvent(eventJson);
  return writer.decide((state) => {
    const version = newestVersion(state.catalogue, workflow);
    const key = workflowAt(state.catalogue, version).triggerKeys[trigger];
    if (key === undefined) {
      throw refuse("USAGE", `workflow ${workflow} has no MQTT trigger ${trigger}`);
    }
    const request = { run, workflow, trigger: "mqtt" as const, actor, inputs: {}, event };
    const keys = { idempotencyKey: `event/${id}`, triggerKey: keyOf(key, event) };
    return decideStart(state, { ...request, ...keys }, history);
  });
}

function keyOf(key: Template | null, event: unknown): string {
  try {
    return key === null ? "" : triggerKey(key, event);
  } catch (cause) {
    if (!(cause instanceof ExpressionError)) throw cause;
    const message = `the trigger's key cannot be computed: ${cause.message}`;
    throw refuse("INPUT_INVALID", message, {}, cause);
  }
}

function parseEvent(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch (cause) {
    throw refuse("EVENT_PAYLOAD_INVALID", "the event is not JSON", {}, cause);
  }
}

function bareCondition(text: string): string {
  const bare = text.trim();
  return bare.startsWith("${{") ? bare.slice(3, -2).trim() : bare;
}
