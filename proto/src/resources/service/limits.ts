import * as z from "zod";
import { limits } from "../../limits.ts";
import { formatDuration, formatSize } from "../../quantity.ts";
import { duration, size } from "../values.ts";

const bodySizeMax = formatSize(limits.proxyBodyBytesMax);
const bodySize = size
  .pipe(z.int().max(limits.proxyBodyBytesMax))
  .prefault(formatSize(limits.proxyBodyBytesDefault));

const rate = z.strictObject({
  calls: z.int().min(1).max(limits.rateCallsMax).describe("How many calls."),
  per: duration
    .pipe(z.int().min(1).max(limits.rateMsMax))
    .describe(`In how much time, at most ${formatDuration(limits.rateMsMax)}.`),
});

/** Bounds of one call, and of how many there may be. */
export const callLimits = z.strictObject({
  timeout: duration
    .pipe(z.int().min(1).max(limits.callMsMax))
    .prefault("30s")
    .describe(
      `Longest time that a call may take, at most ${formatDuration(limits.callMsMax)}; then it ends with UPSTREAM_TIMEOUT.`,
    ),
  request: bodySize.describe(
    `Largest body that is sent, at most ${bodySizeMax}; a larger one is refused, or broken off where its length was not known before.`,
  ),
  concurrency: z
    .int()
    .min(1)
    .max(limits.serviceConcurrencyMax)
    .optional()
    .describe(
      "How many calls may be out at once, of all steps. Left out, as many as the proxy has.",
    ),
  rate: rate
    .optional()
    .describe(
      "How often the service may be called, by all steps together: so many at once, and as many again in that time. A call waits a few seconds for its turn; then it is refused with RATE_EXCEEDED.",
    ),
  step_rate: rate.optional().describe("The same for each instance of a step by itself."),
  response: bodySize.describe(
    `Largest body that is taken as an answer, at most ${bodySizeMax}; a larger one is broken off.`,
  ),
});
