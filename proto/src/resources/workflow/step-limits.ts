import * as z from "zod";
import { limits, stepLimitDefaults } from "../../limits.ts";
import { formatSize } from "../../quantity.ts";
import { duration, size } from "../values.ts";

/** What one attempt of a step may use of its node. */
export const stepLimits = z.strictObject({
  memory: size
    .pipe(z.int().min(1024 * 1024))
    .prefault(formatSize(stepLimitDefaults.memoryBytes))
    .describe(
      "Memory of all processes of the step together, and of what they wrote below /work and /tmp, at least 1MiB; more ends it with STEP_MEMORY. What runs on a node at once may use no more together than the node has to give.",
    ),
  pids: z
    .int()
    .min(1)
    .max(4096)
    .default(stepLimitDefaults.pids)
    .describe(
      "Processes and threads that the step may have at once; further ones are refused to it, and if it fails then, it is with STEP_PIDS.",
    ),
  disk: size
    .prefault(formatSize(stepLimitDefaults.diskBytes))
    .describe(
      "What the step may write below /work and /tmp; both lie in memory, count as such, and end with it. More is refused to it, and if it fails then, it is with STEP_DISK.",
    ),
  output: size
    .pipe(z.int().max(limits.stepOutputBytesMax))
    .prefault(formatSize(stepLimitDefaults.outputBytes))
    .describe(
      `Largest output, as JSON, at most ${formatSize(limits.stepOutputBytesMax)}; a larger one fails the step with STEP_OUTPUT_TOO_LARGE.`,
    ),
  cpu: duration
    .optional()
    .describe(
      "Processor time that the step may use, over all processors; more ends it with STEP_CPU. Left out, `timeout` alone bounds it.",
    ),
  open_files: z
    .int()
    .min(8)
    .max(65_536)
    .default(stepLimitDefaults.openFiles)
    .describe("Files and sockets that each process of the step may hold open."),
});
