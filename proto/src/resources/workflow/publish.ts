import * as z from "zod";
import { topicTemplateFault } from "../../topic.ts";
import { name, template, templateValue } from "../values.ts";

/** MQTT 5, section 4.3: at most once, at least once, exactly once. */
export const qos = z.union([z.literal(0), z.literal(1), z.literal(2)]);
export const qosDefault = 1;

/** A message that leaves through a gateway. */
export const publish = z
  .strictObject({
    topic: template
      .superRefine((text, context) => {
        const message = topicTemplateFault(text);
        if (message !== null) context.addIssue({ code: "custom", message });
      })
      .optional()
      .describe(
        'MQTT topic of the message. A value of an expression that stands among other text may not hold "/".',
      ),
    channel: name
      .optional()
      .describe("Name of the `channel` resource to send to, instead of a topic."),
    payload: templateValue
      .optional()
      .describe(
        "What the message says: a text as it is, anything else as JSON; texts may hold expressions. Left out, it is empty.",
      ),
    qos: qos
      .optional()
      .describe("MQTT quality of service; left out, 1. A channel says it for itself."),
    retain: z
      .boolean()
      .optional()
      .describe(
        "Whether the broker keeps the message for those who subscribe later; left out, it does not. A channel says it for itself.",
      ),
  })
  .refine(({ topic, channel }) => (topic === undefined) !== (channel === undefined), {
    message: "must have exactly one of `topic` and `channel`",
  })
  .meta({ oneOf: [{ required: ["topic"] }, { required: ["channel"] }] });
