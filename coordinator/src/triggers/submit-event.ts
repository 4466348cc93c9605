import type { SubmitEventReply, SubmitEventRequest } from "@cohort/proto/gen/cohort/console";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { workflowAt } from "../catalogue/catalogue.ts";
import { decideStart, newestVersion, type StartedRuns } from "../scheduler/decide-start.ts";
import type { Writer } from "../state/writer.ts";
import { keyOf, parseEvent } from "./event.ts";

/**
 * Starts the run that a message asks for, as a gateway found. The event's id is its idempotency key: a
 * gateway that heard no answer submits it again. Throws USAGE, LIMIT_EXCEEDED, EVENT_PAYLOAD_INVALID,
 * WORKFLOW_UNKNOWN, INPUT_INVALID.
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
  const event = parseEvent(Buffer.from(eventJson));
  return writer.decide((state) => {
    const version = newestVersion(state.catalogue, workflow);
    const found = workflowAt(state.catalogue, version).triggers.mqtt[trigger];
    if (found === undefined) {
      throw refuse("USAGE", `workflow ${workflow} has no MQTT trigger ${trigger}`);
    }
    const request = { run, workflow, trigger: "mqtt" as const, actor, inputs: {}, event };
    const keys = { idempotencyKey: `event/${id}`, triggerKey: keyOf(found.key, event) };
    return decideStart(state, { ...request, ...keys }, history);
  });
}
