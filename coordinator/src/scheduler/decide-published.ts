import type { AttemptKey, Finished } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { neutralise } from "@cohort/proto/text";
import { type Decision, nothing } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import { attemptEnded, failure } from "./decide-attempt.ts";
import { findActive, findStep, type Runs } from "./runs.ts";

export interface Published {
  readonly attempt: AttemptKey;
  /** "" where the step itself names the topic. */
  readonly channel: string;
  readonly gateway: string;
  /** Why the broker refused the message; "" when it took it. */
  readonly refusal: string;
}

/**
 * What a gateway says became of a message. Gateways repeat themselves, and come late: what is about
 * no message that waits makes no event.
 */
export function decidePublished(runs: Runs, published: Published): Decision<void> {
  const { attempt, channel, gateway } = published;
  const instance = findActive(runs, attempt);
  const waiting = instance === null ? undefined : runs.publications.get(instance);
  const message = waiting?.find((it) => it.channel === channel);
  if (message === undefined) return nothing(undefined);
  const refusal = neutralise(published.refusal.slice(0, limits.refusalLengthMax));
  const told: Event = {
    $case: "publicationEnded",
    value: { attempt, channel, gateway, refusal },
  };
  // That a channel could not be told ends no question.
  if (findStep(runs, attempt.run, attempt.step)?.kind !== "publish") {
    return { events: [told], value: undefined };
  }
  const result =
    refusal === "" ? taken(message.topic) : failure("PUBLISH_REFUSED", `the broker: ${refusal}`);
  return { events: [told, attemptEnded(attempt, result)], value: undefined };
}

function taken(topic: string): Finished {
  const outputJson = JSON.stringify({ topic });
  return { outcome: "succeeded", code: "", exit: 0, message: "", outputJson, usage: undefined };
}
