import * as z from "zod";
import { parseJson } from "../json.ts";
import { refuse } from "../problem.ts";
import { fromBase64, toBase64 } from "./note.ts";

/**
 * That an entry is in the log, as a file that is verified with the log's public key alone:
 * https://c2sp.org/tlog-proof. Its extra data, which the format leaves to the application, is the
 * entry itself.
 */
export interface EntryProof {
  /** The leaf, canonical JSON; what is left of it where its payload was dropped. */
  readonly json: string;
  /** Absent while the entry is whole. */
  readonly dropped?: DroppedLeaf;
  /** From 0. */
  readonly index: number;
  readonly path: readonly Uint8Array[];
  /** A signed note. */
  readonly checkpoint: string;
}

/**
 * An entry without its payload: its hash is all that can be proved, and the entry `by` records, under that
 * number, the hash of what is left.
 */
export interface DroppedLeaf {
  readonly leafHash: Uint8Array;
  readonly by: number;
  readonly atMs: number;
  /** For so long after the end of its run the payload was kept. */
  readonly maxAgeMs: number;
}

export function formatEntryProof({ json, dropped, index, path, checkpoint }: EntryProof): string {
  const extra = toBase64(encoder.encode(dropped === undefined ? json : lackingText(json, dropped)));
  return [
    entryHeader,
    `extra ${extra}`,
    `index ${index}`,
    ...path.map(toBase64),
    "",
    checkpoint,
  ].join("\n");
}

/**
 * That a log has only grown since an older checkpoint, as the request `add-checkpoint` of
 * https://c2sp.org/tlog-witness has it.
 */
export interface GrowthProof {
  readonly older: number;
  readonly path: readonly Uint8Array[];
  readonly checkpoint: string;
}

export function formatGrowthProof({ older, path, checkpoint }: GrowthProof): string {
  return [`old ${older}`, ...path.map(toBase64), "", checkpoint].join("\n");
}

export type ProofFile =
  | ({ readonly kind: "entry" } & EntryProof)
  | ({ readonly kind: "growth" } & GrowthProof);

/** Either of them. Throws LEDGER_INVALID. */
export function parseProofFile(text: string): ProofFile {
  const split = text.indexOf("\n\n");
  const lines = text.slice(0, split).split("\n");
  const checkpoint = text.slice(split + 2);
  if (split < 0) throw malformed("has no checkpoint");
  if (lines[0] !== entryHeader) {
    const older = numberAfter("old ", lines[0]);
    return { kind: "growth", older, path: lines.slice(1).map(hashOf), checkpoint };
  }
  const [, extra = "", index, ...path] = lines;
  const entry = fromBase64(extra.startsWith("extra ") ? extra.slice(6) : "");
  if (entry.length === 0) throw malformed("does not hold its entry");
  return {
    kind: "entry",
    ...leafOf(textOf(entry)),
    index: numberAfter("index ", index),
    path: path.map(hashOf),
    checkpoint,
  };
}

function lackingText(remainder: string, { leafHash, by, atMs, maxAgeMs }: DroppedLeaf): string {
  const dropped = { by, at_ms: atMs, max_age_ms: maxAgeMs };
  return JSON.stringify({ leaf_hash: toBase64(leafHash), dropped, remainder });
}

/** No entry has these keys, and no such text is one. */
function leafOf(text: string): Pick<EntryProof, "json" | "dropped"> {
  if (!text.startsWith('{"leaf_hash":')) return { json: text };
  const parsed = lackingSchema.safeParse(parseJson(text));
  if (!parsed.success) throw malformed("holds something else than an entry");
  const { leaf_hash, dropped, remainder: json } = parsed.data;
  const { by, at_ms: atMs, max_age_ms: maxAgeMs } = dropped;
  return { json, dropped: { leafHash: fromBase64(leaf_hash), by, atMs, maxAgeMs } };
}

const count = z.int().nonnegative();
const lackingSchema = z.strictObject({
  leaf_hash: z.base64(),
  dropped: z.strictObject({ by: count, at_ms: count, max_age_ms: count }),
  remainder: z.string(),
});

const entryHeader = "c2sp.org/tlog-proof@v1";
const encoder = new TextEncoder();

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw malformed("holds an entry that is no text", cause);
  }
}

function numberAfter(word: string, line = ""): number {
  const digits = line.startsWith(word) ? line.slice(word.length) : "";
  const number = Number(digits);
  if (/^(?:0|[1-9]\d*)$/.test(digits) && Number.isSafeInteger(number)) return number;
  throw malformed(`lacks "${word}" and a number`);
}

function hashOf(line: string): Uint8Array {
  const hash = fromBase64(line);
  if (hash.length !== 32) throw malformed("has a line that is no hash");
  return hash;
}

function malformed(what: string, cause?: unknown): Error {
  return refuse(
    "LEDGER_INVALID",
    `the proof ${what}`,
    { hint: "`cohort ledger prove` writes such files." },
    cause,
  );
}
