import { fromBase64, toBase64 } from "../bytes.ts";
import type { Files } from "../host.ts";

/** What the node must not forget of the ledger: the file "witness" of its data. */
export interface WitnessRecord {
  /** That the next checkpoint must be signed with, or by keys that this one leads to. */
  readonly key: Uint8Array;
  /** The last checkpoint that was taken, with the node's own cosignature. */
  readonly checkpoint: string;
  readonly takenMs: number;
  readonly dispute: Dispute | null;
  /** Those that an operator settled, the latest ones. */
  readonly settled: readonly Dispute[];
}

/** A ledger that does not continue what was seen, signed by its own key: it contradicts itself. */
export interface Dispute {
  readonly held: string;
  readonly conflict: string;
  readonly reason: string;
  readonly atMs: number;
}

/**
 * Null before the first checkpoint. Throws where it cannot be read: to begin anew would be to forget
 * what was seen.
 */
export function readWitness(files: Files, directory: string): WitnessRecord | null {
  const bytes = files.read(pathIn(directory));
  if (bytes === null) return null;
  const fields = JSON.parse(new TextDecoder().decode(bytes)) as Omit<WitnessRecord, "key"> & {
    readonly key: string;
  };
  const key = fromBase64(fields.key);
  if (key.length !== 32 || typeof fields.checkpoint !== "string") {
    throw new Error("it is not what an agent writes");
  }
  return { ...fields, key };
}

export function writeWitness(files: Files, directory: string, record: WitnessRecord): void {
  const text = JSON.stringify({ ...record, key: toBase64(record.key) });
  files.writeAtomic(pathIn(directory), new TextEncoder().encode(`${text}\n`), 0o600);
}

const pathIn = (directory: string) => `${directory}/witness`;
