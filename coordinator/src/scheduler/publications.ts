import { ExpressionError } from "@cohort/proto/expression";
import { PublicationIntended } from "@cohort/proto/gen/cohort/ledger";
import { limits } from "@cohort/proto/limits";
import { attemptId, instanceId } from "@cohort/proto/proof";
import type { Channel } from "@cohort/proto/resources/channel";
import { qosDefault } from "@cohort/proto/resources/workflow/publish";
import { evaluatedTopicFault } from "@cohort/proto/topic";
import { type Catalogue, definitionOf } from "../catalogue/catalogue.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { failure } from "./decide-attempt.ts";
import { type Instance, keyOf, type Question, type Run } from "./runs.ts";
import { attemptVariables } from "./variables.ts";

type Refused = ReturnType<typeof failure>;

/** The message of a `publish` step, or why there can be none. Throws ExpressionError. */
export function publicationOf(
  catalogue: Catalogue,
  run: Run,
  step: CompiledStep,
  instance: Instance,
): PublicationIntended | Refused {
  const { topic: template = "", channel = "", ...own } = step.definition.publish ?? {};
  const variables = attemptVariables(run, step, instance, null);
  const payload = payloadText(step.publishPayload?.evaluate(variables));
  if (new TextEncoder().encode(payload).length > limits.publicationBytesMax) {
    const message = `the payload is longer than ${limits.publicationBytesMax} bytes`;
    return failure("LIMIT_EXCEEDED", message);
  }
  const message = { attempt: keyOf(instance), channel, payload, messageId: instanceId(instance) };
  if (channel !== "") return intended({ ...message, ...addressOf(catalogue, channel) });
  const topic = textOf(step.publishTopic?.evaluate(variables));
  const fault = evaluatedTopicFault(template, topic);
  if (fault !== null) return failure("TOPIC_INVALID", fault);
  const { qos = qosDefault, retain = false } = own;
  return intended({ ...message, topic, qos, retain });
}

/** Tells a channel what an `approve` step asks. */
export function noticeOf(
  catalogue: Catalogue,
  { workflow }: Run,
  instance: Instance,
  { prompt, roles }: Question,
  channel: string,
): PublicationIntended {
  const attempt = keyOf(instance);
  const until = new Date(instance.dueMs).toISOString();
  const payload = JSON.stringify({ ...attempt, workflow, prompt, roles, until });
  const messageId = `${attemptId(attempt)}/${channel}`;
  return intended({ attempt, channel, payload, messageId, ...addressOf(catalogue, channel) });
}

/** With its fields in the log's order: the state keeps it, and is to be the same when replayed. */
function intended(message: PublicationIntended): PublicationIntended {
  return PublicationIntended.fromPartial(message);
}

/** What is applied is never taken away, so that a channel that was checked is there. */
function addressOf(catalogue: Catalogue, name: string): Channel["mqtt"] {
  const channel = definitionOf(catalogue, "channel", name);
  if (channel === null) throw new Error(`no channel is called ${name}`);
  return channel.mqtt;
}

/** A lone surrogate could be neither sent nor logged. */
function payloadText(value: unknown): string {
  return value === undefined ? "" : textOf(value).toWellFormed();
}

function textOf(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (text === undefined) throw new ExpressionError("the value is none that JSON has", 0);
  return text;
}
