import * as z from "zod";
import { template } from "../values.ts";

/** What starts a run without a person. */

const mqttTrigger = z.strictObject({
  topic: z
    .string()
    .min(1)
    .max(512)
    .refine(isTopicFilter, "must be an MQTT topic filter such as factory/+/press/+/vibration")
    .describe(
      "MQTT topic filter; each message that it matches is an event. `+` stands for one level, a last `#` for any number of levels.",
    ),
  if: template
    .optional()
    .describe(
      "Condition over `event` that the gateway evaluates for each message; where it is false no run starts. Left out, each message starts one.",
    ),
});

export const triggers = z.strictObject({
  mqtt: z
    .array(mqttTrigger)
    .max(100)
    .default([])
    .describe(
      "Messages of the site's MQTT broker that start a run, each with the message as `event`.",
    ),
});

/** MQTT 5, section 4.7: "#" last and alone in its level, "+" alone in its level. */
function isTopicFilter(text: string): boolean {
  const levels = text.split("/");
  return levels.every((level, at) => {
    if (level === "#") return at === levels.length - 1;
    return level === "+" || !/[+#\0]/.test(level);
  });
}
