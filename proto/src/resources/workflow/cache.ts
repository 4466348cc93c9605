import * as z from "zod";
import { limits } from "../../limits.ts";
import { duration, template } from "../values.ts";

/** When a step need not run, because it has before. */
export const cache = z.strictObject({
  key: template.describe(
    "Text, mostly with expressions, that names all that the step's output depends on beside its definition: the step is not run where the same step of the same workflow has succeeded with the same key. Instances have their item, combination or chosen node in it by themselves.",
  ),
  ttl: duration
    .refine(
      (ms) => ms > 0 && ms <= limits.cacheTtlMsMax,
      "must be a time above none, of at most 30 days",
    )
    .describe("How old such a success may be."),
  side_effects: z
    .boolean()
    .default(false)
    .describe(
      "Whether a `call` by POST, PUT, PATCH or DELETE may be left out like this; without it, such a call has no cache.",
    ),
});
