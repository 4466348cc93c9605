import { refuse } from "../problem.ts";
import { fromBase64, toBase64 } from "./note.ts";

/**
 * That an entry is in the log, as a file that is verified with the log's public key alone:
 * https://c2sp.org/tlog-proof. Its extra data, which the format leaves to the application, is the
 * entry itself.
 */
export interface EntryProof {
  /** The leaf, canonical JSON. */
  readonly json: string;
  /** From 0. */
  readonly index: number;
  readonly path: readonly Uint8Array[];
  /** A signed note. */
  readonly checkpoint: string;
}

export function formatEntryProof({ json, index, path, checkpoint }: EntryProof): string {
  const extra = toBase64(encoder.encode(json));
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
    json: textOf(entry),
    index: numberAfter("index ", index),
    path: path.map(hashOf),
    checkpoint,
  };
}

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
