import * as z from "zod";
import { topicFault } from "../topic.ts";
import { name } from "./values.ts";
import { qos, qosDefault } from "./workflow/publish.ts";

const mqtt = z.strictObject({
  topic: z
    .string()
    .superRefine((text, context) => {
      const message = topicFault(text);
      if (message !== null) context.addIssue({ code: "custom", message });
    })
    .describe("Topic that messages to the channel are published to; it holds no expression."),
  qos: qos.default(qosDefault).describe("MQTT quality of service that messages are sent with."),
  retain: z
    .boolean()
    .default(false)
    .describe("Whether the broker keeps the latest message for those who subscribe later."),
});

/** `kind: channel`: a place to which messages go, by name. */
export const channel = z
  .strictObject({
    kind: z.literal("channel").describe("The kind of resource: `channel`."),
    name: name.describe(
      "Name of the channel; to apply another of this name is to change this one.",
    ),
    description: z.string().max(1000).optional().describe("What the channel is for, for people."),
    mqtt: mqtt.describe("Where its messages go: a topic of the gateway's MQTT broker."),
  })
  .describe("A named place to which workflows send messages, so that it is said once where it is.");

export type Channel = z.infer<typeof channel>;
