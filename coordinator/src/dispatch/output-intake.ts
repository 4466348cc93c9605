import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import type { StepLogChunk, StepLogExtent, StepLogStore } from "../log/log.ts";
import { schedulerLimits } from "../scheduler/limits.ts";

/** Decides what is kept of the output of attempts. */
export interface OutputIntake {
  /** False for what was there before, and for what goes beyond a limit. */
  admit(chunk: StepLogChunk): boolean;
  /** Whether the attempt wrote more than has come, of the `bytes` that its node says it wrote. */
  lacks(attempt: AttemptKey, bytes: number): boolean;
}

/**
 * A node sends the chunks of an attempt in their order, some of them twice, and none for what it had
 * to give up. So each must begin where the last ended, or later: a node that lies cannot have one
 * stretch kept in many pieces that overlap, nor in more pieces than an honest step could write.
 */
export function createOutputIntake(stepLogs: Pick<StepLogStore, "extent">): OutputIntake {
  const known = new Map<string, StepLogExtent>();
  const extentOf = (id: string, attempt: AttemptKey) => {
    const extent = known.get(id) ?? stepLogs.extent(attempt);
    // The one that was asked for last is the last to be forgotten.
    known.delete(id);
    known.set(id, extent);
    if (known.size > schedulerLimits.outputsRememberedMax) {
      const [oldest] = known.keys();
      known.delete(oldest as string);
    }
    return extent;
  };
  return {
    admit(chunk) {
      const id = attemptId(chunk);
      const { end, chunks } = extentOf(id, chunk);
      const newEnd = chunk.offset + chunk.data.length;
      if (chunk.offset < end || newEnd === end) return false;
      if (newEnd > schedulerLimits.stepLogBytesMax) return false;
      if (chunks >= schedulerLimits.stepLogChunksMax) return false;
      known.set(id, { end: newEnd, chunks: chunks + 1 });
      return true;
    },
    lacks: (attempt, bytes) => extentOf(attemptId(attempt), attempt).end < bytes,
  };
}
