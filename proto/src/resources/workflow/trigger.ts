import * as z from "zod";
import { limits, scheduleDefaults } from "../../limits.ts";
import { formatDuration } from "../../quantity.ts";
import { isSecretPath } from "../../secret-path.ts";
import { duration, template } from "../values.ts";

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
  key: template
    .min(1)
    .optional()
    .describe(
      "What the message is about, such as `${{ event.topic[3] }}`. While a run of this workflow that a message with the same key started has not ended, further ones start none. Left out, each message is about something else.",
    ),
  debounce: duration
    .refine((ms) => ms >= 1 && ms <= limits.debounceMsMax, "must be between 1ms and 1d")
    .optional()
    .describe(
      "The first message starts a run at once; after it, those with the same key (without `key`, all of this trigger) start none until none has come for so long. What `if` leaves out does not count. The gateway counts this in its memory. Left out, there is no such rest.",
    ),
});

const webhookTrigger = z.strictObject({
  path: z
    .string()
    .max(limits.webhookPathLengthMax)
    .regex(/^(?:\/[a-z0-9][a-z0-9._-]*)+$/, "must be a path such as /press, in lower case")
    .describe(
      "Path at which the gateway takes the request, a POST with a JSON body. Workflows may share one.",
    ),
  secret: z
    .string()
    .refine(isSecretPath, "must be a path such as webhook/press")
    .describe(
      "Path in the vault of the key that the sender signs with, as `cohort secret set webhook/NAME` stored it. A value that begins with `whsec_` is base64, any other is taken as it is.",
    ),
  signature: z
    .enum(["standard", "github"])
    .default("standard")
    .describe(
      "How the sender signs. `standard`: Standard Webhooks, HMAC-SHA256 over id, time and body, at most 5 minutes old. `github`: `X-Hub-Signature-256`, HMAC-SHA256 over the body alone; the same body starts one run, however often it comes.",
    ),
  if: template
    .optional()
    .describe(
      "Condition over `event` that is evaluated when the signature was found right; where it is false no run starts.",
    ),
  key: template
    .min(1)
    .optional()
    .describe("What the request is about, as in `mqtt`: of one key one run at a time."),
});

export type WebhookTrigger = z.infer<typeof webhookTrigger>;

const scheduleTrigger = z.strictObject({
  cron: z
    .string()
    .max(limits.cronLengthMax)
    .describe(
      "When it is due: minute, hour, day of month, month, day of week, as `*/15 6-22 * * 1-5`, or one of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. Where the clock is put forward, a time that has no `*` or step in minute and hour, and falls into the gap, is due once, right after it; where the clock is put back, such a time is due once, and any other in both hours.",
    ),
  timezone: z
    .string()
    .default("UTC")
    .describe("IANA time zone in which `cron` is read, such as Europe/Berlin."),
  overlap: z
    .enum(["skip", "queue", "allow"])
    .default("skip")
    .describe(
      "What becomes of a time that is due while a run that a schedule of this workflow started still goes on: `skip` it, `queue` it until that run has ended (one time waits, further ones are skipped), or `allow` a second run beside it.",
    ),
  catchup: duration
    .prefault(formatDuration(scheduleDefaults.catchupMs))
    .describe(
      "How late a run may start when the coordinator was away at its time; less than 10 seconds counts as that. Of several times that were missed only the latest starts a run; all others are recorded as missed. Left out, 5 minutes.",
    ),
});

export type ScheduleTrigger = z.infer<typeof scheduleTrigger>;

export const triggers = z.strictObject({
  webhook: z
    .array(webhookTrigger)
    .max(limits.webhooksMax)
    .default([])
    .describe(
      "Signed HTTP requests to the gateway that start a run, each with `event.path`, `event.payload`, `event.id` and `event.at_ms`.",
    ),
  schedule: z
    .array(scheduleTrigger)
    .max(limits.schedulesMax)
    .prefault([])
    .describe(
      "Times at which the coordinator starts a run, each with `event.schedule`: `due_ms`, `due` (ISO 8601, UTC), `cron` and `timezone`.",
    ),
  mqtt: z
    .array(mqttTrigger)
    .max(100)
    .prefault([])
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
