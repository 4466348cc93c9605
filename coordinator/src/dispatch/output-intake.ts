import type { OutputKept } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { keepNewest } from "@cohort/proto/keep-newest";
import { chainOutput, emptyOutputChain } from "@cohort/proto/ledger/output-chain";
import { attemptId } from "@cohort/proto/proof";
import { sha256 } from "../ledger/crypto.ts";
import type { StepLogChunk, StepLogStore } from "../log/log.ts";
import { schedulerLimits } from "../scheduler/limits.ts";

/** Decides what is kept of the output of attempts, and knows what it is. */
export interface OutputIntake {
  /** False for what was there before, and for what goes beyond a limit. */
  admit(chunk: StepLogChunk): boolean;
  /**
   * `marker` is a piece without content where the output ended, as the node says. False when all of it
   * has come, so that it needs no mark.
   */
  close(marker: StepLogChunk): boolean;
  /** Whether all of the attempt's output came to this process, and none has to be read again. */
  knows(attempt: AttemptKey): boolean;
  /** What is kept of the attempt; undefined when nothing is. What is not known is read from the disk. */
  kept(attempt: AttemptKey): OutputKept | undefined;
}

/** How far the output of an attempt has come. */
interface Extent {
  readonly end: number;
  readonly pieces: number;
  /** null when it came before this process, or was forgotten since. */
  readonly content: { readonly bytes: number; readonly chain: Uint8Array } | null;
}

const nothing: Extent = { end: 0, pieces: 0, content: { bytes: 0, chain: emptyOutputChain } };

/**
 * A node sends the chunks of an attempt in their order, some of them twice, and none for what it had
 * to give up. So each must begin where the last ended, or later: a node that lies cannot have one
 * stretch kept in many pieces that overlap, nor in more pieces than an honest step could write.
 */
export function createOutputIntake(
  stepLogs: Pick<StepLogStore, "extent" | "pieces">,
): OutputIntake {
  const known = new Map<string, Extent>();
  const extentOf = (attempt: AttemptKey): Extent => {
    const id = attemptId(attempt);
    const extent = known.get(id) ?? stored(stepLogs, attempt);
    // The one that was asked for last is the last to be forgotten.
    known.delete(id);
    known.set(id, extent);
    keepNewest(known, schedulerLimits.outputsRememberedMax);
    return extent;
  };
  const take = (chunk: StepLogChunk) => known.set(attemptId(chunk), add(extentOf(chunk), chunk));
  return {
    admit(chunk) {
      const { end, pieces } = extentOf(chunk);
      const newEnd = chunk.offset + chunk.data.length;
      if (chunk.offset < end || newEnd === end) return false;
      if (newEnd > schedulerLimits.stepLogBytesMax) return false;
      if (pieces >= schedulerLimits.stepLogChunksMax) return false;
      take(chunk);
      return true;
    },
    close(marker) {
      if (extentOf(marker).end >= marker.offset) return false;
      take(marker);
      return true;
    },
    knows: (attempt) => extentOf(attempt).content !== null,
    kept(attempt) {
      let extent = extentOf(attempt);
      if (extent.content === null) {
        extent = nothing;
        for (const piece of stepLogs.pieces(attempt)) extent = add(extent, piece);
        known.set(attemptId(attempt), extent);
      }
      const { pieces, content } = extent;
      return content === null || pieces === 0 ? undefined : { ...content, pieces };
    },
  };
}

function stored(stepLogs: Pick<StepLogStore, "extent">, attempt: AttemptKey): Extent {
  const { end, chunks } = stepLogs.extent(attempt);
  return chunks === 0 ? nothing : { end, pieces: chunks, content: null };
}

function add({ pieces, content }: Extent, chunk: StepLogChunk): Extent {
  const { length } = chunk.data;
  return {
    end: chunk.offset + length,
    pieces: pieces + 1,
    content: content && {
      bytes: content.bytes + length,
      chain: chainOutput(content.chain, chunk, sha256),
    },
  };
}
