import * as z from "zod";
import { limits } from "../../limits.ts";
import { formatDuration, formatSize } from "../../quantity.ts";
import { duration, size } from "../values.ts";

const bodySizeMax = formatSize(limits.proxyBodyBytesMax);
const bodySize = size
  .pipe(z.int().max(limits.proxyBodyBytesMax))
  .prefault(formatSize(limits.proxyBodyBytesDefault));

/** Bounds of one call. */
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
  response: bodySize.describe(
    `Largest body that is taken as an answer, at most ${bodySizeMax}; a larger one is broken off.`,
  ),
});
