import { type Checkpoint, openCheckpoint } from "@cohort/proto/ledger/checkpoint";
import { sameHash } from "@cohort/proto/ledger/merkle";
import type { VerifierKey } from "@cohort/proto/ledger/note";
import { CohortError, type Problem, problem } from "@cohort/proto/problem";
import type { Session } from "../session.ts";
import { ledgerCrypto } from "./ledger-crypto.ts";
import { readGiven } from "./ledger-files.ts";

/** Checkpoints that were seen elsewhere, such as by nodes, held against a ledger as it is read. */
export class Seen {
  readonly #waiting: Sighting[];
  readonly #problems: Problem[] = [];

  /** Throws LEDGER_INVALID when no key has signed one of them, USAGE. */
  constructor(session: Session, files: readonly string[], keys: readonly VerifierKey[]) {
    this.#waiting = files
      .map((file) => ({
        file,
        checkpoint: openByAny(readGiven(session, file), keys),
      }))
      .sort((one, other) => one.checkpoint.size - other.checkpoint.size);
  }

  /** Of the ledger up to here. */
  compare(tree: { readonly size: number; root(): Uint8Array }): void {
    while (this.#waiting[0]?.checkpoint.size === tree.size) {
      const { file, checkpoint } = this.#waiting.shift() as Sighting;
      if (sameHash(checkpoint.root, tree.root())) continue;
      const what = `of the first ${tree.size} entries, ${file} shows that others were seen`;
      this.#problems.push(problem("LEDGER_FORKED", what));
    }
  }

  /** When all of the ledger was compared. Throws LEDGER_FORKED. */
  assertAll(size: number): void {
    for (const { file, checkpoint } of this.#waiting) {
      if (checkpoint.size === 0) continue;
      const what = `${file} shows ${checkpoint.size} entries; this ledger has ${size} of them`;
      this.#problems.push(problem("LEDGER_FORKED", what));
    }
    if (this.#problems.length > 0) throw new CohortError(this.#problems);
  }
}

/** Signed by whichever of the keys was in its time. Throws LEDGER_INVALID. */
export function openByAny(note: string, keys: readonly VerifierKey[]): Checkpoint {
  const refused: unknown[] = [];
  for (const key of keys) {
    try {
      return openCheckpoint(note, key, ledgerCrypto);
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      refused.push(error);
    }
  }
  throw refused[0];
}

interface Sighting {
  readonly file: string;
  readonly checkpoint: Checkpoint;
}
