import { createReadStream } from "node:fs";
import type { LedgerLeaf } from "@cohort/proto/ledger/verify";
import { refuse } from "@cohort/proto/problem";
import * as z from "zod";
import type { ConsoleClient } from "../../../src/console-client/console-client.ts";

/** A ledger piece by piece: what signs it, then every entry in order. */
export interface LedgerExport {
  readonly checkpoint: string;
  readonly verifierKey: string;
  /** Many at once: to be handed one by one takes longer than to be verified. */
  readonly chunks: AsyncIterable<readonly LedgerLeaf[]>;
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
export async function exportFromFile(path: string): Promise<LedgerExport> {
  const pages = pagesOf(path);
  const first = await pages.next();
  const [head = "", ...rest] = first.done === true ? [] : first.value;
  const { checkpoint, verifier_key } = parseLine(head, 1, (value) => headSchema.parse(value));
  return {
    checkpoint,
    verifierKey: verifier_key,
    chunks: (async function* () {
      let number = 1;
      const leavesOf = (lines: readonly string[]) =>
        lines.map((line) => {
          number += 1;
          return parseLine(line, number, toLeaf);
        });
      yield leavesOf(rest);
      for await (const lines of pages) yield leavesOf(lines);
    })(),
  };
}

/** The lines of such a file, without line breaks. */
export async function* exportLines(ledger: LedgerExport): AsyncGenerator<string> {
  yield JSON.stringify({ checkpoint: ledger.checkpoint, verifier_key: ledger.verifierKey });
  for await (const leaves of ledger.chunks) {
    for (const { json, leafHash, checkpoint } of leaves) {
      const leaf_hash = Buffer.from(leafHash).toString("hex");
      yield JSON.stringify({ leaf_hash, json, ...(checkpoint === "" ? {} : { checkpoint }) });
    }
  }
}

const headSchema = z.strictObject({ checkpoint: z.string(), verifier_key: z.string() });

/** By hand: a schema would take longer than to verify what it says. Throws a TypeError. */
function toLeaf(value: unknown): LedgerLeaf {
  const { leaf_hash, json, checkpoint = "", ...rest } = value as Record<string, unknown>;
  const isLeaf =
    typeof leaf_hash === "string" &&
    /^[0-9a-f]{64}$/.test(leaf_hash) &&
    typeof json === "string" &&
    typeof checkpoint === "string" &&
    Object.keys(rest).length === 0;
  if (!isLeaf) throw new TypeError("it has other fields");
  return { json, leafHash: Buffer.from(leaf_hash, "hex"), checkpoint };
}

/** The lines of a file, without line breaks, some at a time. Throws USAGE. */
async function* pagesOf(path: string): AsyncGenerator<string[]> {
  const input = createReadStream(path, { encoding: "utf8", highWaterMark: pageBytes });
  let begun = "";
  try {
    for await (const text of input) {
      const lines = (begun + String(text)).split("\n");
      begun = lines.pop() ?? "";
      yield lines;
    }
  } catch (cause) {
    throw refuse("USAGE", `${path} cannot be read`, undefined, cause);
  } finally {
    input.destroy();
  }
  if (begun !== "") yield [begun];
}

const pageBytes = 1024 * 1024;

function parseLine<Value>(line: string, number: number, toValue: (json: unknown) => Value): Value {
  try {
    return toValue(JSON.parse(line));
  } catch (cause) {
    throw refuse(
      "LEDGER_INVALID",
      `line ${number} is not that of a ledger export`,
      {
        hint: "`cohort ledger export -O FILE` writes such files.",
      },
      cause,
    );
  }
}
