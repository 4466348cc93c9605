import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { LedgerLeaf } from "@cohort/proto/ledger/verify";
import { refuse } from "@cohort/proto/problem";
import * as z from "zod";
import type { ConsoleClient } from "../../../src/console-client/console-client.ts";

/** A ledger piece by piece: what signs it, then every entry in order. */
export interface LedgerExport {
  readonly checkpoint: string;
  readonly verifierKey: string;
  readonly leaves: AsyncIterable<LedgerLeaf>;
}

/** The ledger that the coordinator has now. Throws CohortError. */
export async function exportFromCoordinator(console: ConsoleClient): Promise<LedgerExport> {
  const chunks = console.stream(console.ledger, console.ledger.export, {});
  const first = await chunks.next();
  if (first.done === true) throw refuse("INTERNAL", "the coordinator exported nothing");
  const { checkpoint, verifierKey, leaves } = first.value;
  return {
    checkpoint,
    verifierKey,
    leaves: (async function* () {
      yield* leaves;
      for await (const chunk of chunks) yield* chunk.leaves;
    })(),
  };
}

/** A file that `cohort ledger export` wrote. Throws USAGE when it is none. */
export async function exportFromFile(path: string): Promise<LedgerExport> {
  const lines = linesOf(path);
  const first = await lines.next();
  const { checkpoint, verifier_key } = parseLine(
    first.done === true ? "" : first.value,
    1,
    headSchema,
  );
  return {
    checkpoint,
    verifierKey: verifier_key,
    leaves: (async function* () {
      let number = 1;
      for await (const line of lines) {
        number += 1;
        const leaf = parseLine(line, number, leafSchema);
        const leafHash = new Uint8Array(Buffer.from(leaf.leaf_hash, "hex"));
        yield { json: leaf.json, leafHash, checkpoint: leaf.checkpoint };
      }
    })(),
  };
}

/** The lines of such a file, without line breaks. */
export async function* exportLines(ledger: LedgerExport): AsyncGenerator<string> {
  yield JSON.stringify({ checkpoint: ledger.checkpoint, verifier_key: ledger.verifierKey });
  for await (const { json, leafHash, checkpoint } of ledger.leaves) {
    const leaf_hash = Buffer.from(leafHash).toString("hex");
    yield JSON.stringify({ leaf_hash, json, ...(checkpoint === "" ? {} : { checkpoint }) });
  }
}

const headSchema = z.strictObject({ checkpoint: z.string(), verifier_key: z.string() });
const leafSchema = z.strictObject({
  leaf_hash: z.string().regex(/^[0-9a-f]{64}$/),
  json: z.string(),
  checkpoint: z.string().default(""),
});

async function* linesOf(path: string): AsyncGenerator<string> {
  const input = createReadStream(path, "utf8");
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (cause) {
    throw refuse("USAGE", `${path} cannot be read`, undefined, cause);
  } finally {
    input.destroy();
  }
}

function parseLine<Value>(line: string, number: number, schema: z.ZodType<Value>): Value {
  try {
    return schema.parse(JSON.parse(line));
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
