import * as z from "zod";
import { type ErrorCode, errors } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { duration } from "../values.ts";

const errorCode = z
  .enum(Object.keys(errors) as [ErrorCode, ...ErrorCode[]])
  .meta({ title: "error code" });

/** Whether and when a failed instance is tried again. */
export const retry = z.strictObject({
  limit: z
    .int()
    .min(1)
    .max(limits.retriesMax)
    .describe("Attempts after the first that each instance of the step has."),
  delay: duration.prefault("0s").describe("Time from a failure to the next attempt."),
  backoff: z
    .number()
    .min(1)
    .max(limits.backoffMax)
    .default(1)
    .describe("Each delay is the one before times this; with 1 all are the same."),
  max_delay: duration
    .optional()
    .describe(
      "To this at most the delay grows; left out, to a day or `delay`, whichever is longer.",
    ),
  on: z
    .array(z.union([errorCode, z.int().min(1).max(255)]))
    .min(1)
    .optional()
    .describe(
      "Error codes and exit statuses after which the step is tried again; left out, any failure.",
    ),
  move: z
    .boolean()
    .default(false)
    .describe("Whether the next attempt runs on another node, if another fits."),
});
