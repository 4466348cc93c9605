import { createReadStream } from "node:fs";
import type { LedgerLeaf } from "@cohort/proto/ledger/verify";
import { refuse } from "@cohort/proto/problem";
import * as z from "zod";
import type { ConsoleClient } from "../../../src/console-client/console-client.ts";
import { leafLine, leavesOn, lineEnd, parseLine } from "./ledger-lines.ts";

/** A ledger piece by piece: what signs it, then every entry in order. */
export interface LedgerExport<Json extends string | Uint8Array = string> {
  readonly checkpoint: string;
  readonly verifierKey: string;
  /** Many at once: to be handed one by one takes longer than to be verified. */
  readonly chunks: AsyncIterable<readonly LedgerLeaf<Json>[]>;
}

/** The ledger that the coordinator has now. Throws CohortError. */
export async function exportFromCoordinator(console: ConsoleClient): Promise<LedgerExport> {
  const stream = console.stream(console.ledger, console.ledger.export, {});
  const first = await stream.next();
  if (first.done === true) throw refuse("INTERNAL", "the coordinator exported nothing");
  const { checkpoint, verifierKey, leaves } = first.value;
  return {
    checkpoint,
    verifierKey,
    chunks: (async function* () {
      yield leaves;
      for await (const chunk of stream) yield chunk.leaves;
    })(),
  };
}

/** A file that `cohort ledger export` wrote. Throws USAGE when it is none. */
export async function exportFromFile(path: string): Promise<LedgerExport<string | Uint8Array>> {
  const pages = pagesOf(path);
  const first = await pages.next();
  const page = first.done === true ? Buffer.from("\n") : first.value;
  const headEnd = lineEnd(page, 0);
  const { checkpoint, verifier_key } = parseLine(page.subarray(0, headEnd), 1, (value) =>
    headSchema.parse(value),
  );
  return {
    checkpoint,
    verifierKey: verifier_key,
    chunks: (async function* () {
      const leaves = leavesOn(page, headEnd + 1, 2);
      let number = 2 + leaves.length;
      yield leaves;
      for await (const later of pages) {
        const leaves = leavesOn(later, 0, number);
        number += leaves.length;
        yield leaves;
      }
    })(),
  };
}

/**
 * The lines of such a file, without line breaks. `dropped_by` names the entry that records that the payload
 * of another was dropped: what stands as its text is what is left.
 */
export async function* exportLines(ledger: LedgerExport): AsyncGenerator<string> {
  yield JSON.stringify({ checkpoint: ledger.checkpoint, verifier_key: ledger.verifierKey });
  for await (const leaves of ledger.chunks) {
    for (const leaf of leaves) yield leafLine(leaf);
  }
}

const headSchema = z.strictObject({ checkpoint: z.string(), verifier_key: z.string() });

/** A file some at a time: whole lines, each with its line break, which the last may lack. Throws USAGE. */
async function* pagesOf(path: string): AsyncGenerator<Buffer> {
  const input = createReadStream(path, { highWaterMark: pageBytes });
  let begun: Buffer[] = [];
  try {
    for await (const piece of input as AsyncIterable<Buffer>) {
      const end = piece.lastIndexOf("\n") + 1;
      if (end === 0) begun.push(piece);
      else {
        yield Buffer.concat([...begun, piece.subarray(0, end)]);
        begun = [piece.subarray(end)];
      }
    }
  } catch (cause) {
    throw refuse("USAGE", `${path} cannot be read`, undefined, cause);
  } finally {
    input.destroy();
  }
  const rest = Buffer.concat(begun);
  if (rest.length > 0) yield Buffer.concat([rest, Buffer.from("\n")]);
}

const pageBytes = 1024 * 1024;
