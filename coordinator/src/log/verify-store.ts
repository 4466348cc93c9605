import { sameHash } from "@cohort/proto/ledger/merkle";
import { encodeVerifierKey, type VerifierKey } from "@cohort/proto/ledger/note";
import { verifyLedger } from "@cohort/proto/ledger/verify";
import { refuse } from "@cohort/proto/problem";
import { noteCrypto, sha256 } from "../ledger/crypto.ts";
import { GrowingTree, type HashRow } from "../ledger/hash-rows.ts";
import type { HashRowTable } from "./hash-row-table.ts";
import { invalidEntry } from "./leaf.ts";
import type { LeafStore, StoredRow } from "./leaf-store.ts";

/**
 * Holds the stored leaves against one another and against the newest checkpoint; gives the tree to
 * go on from. Hash rows, which only follow from the leaves, are set right where they differ. Throws
 * LEDGER_INVALID that names the first bad entry. What it cannot see is an old copy of the whole file:
 * only a witness that keeps a later checkpoint can.
 */
export function verifyStore(
  store: LeafStore,
  hashRows: HashRowTable,
  key: VerifierKey,
): { readonly tree: GrowingTree; readonly note: string } {
  const checkpoint = store.newestCheckpoint();
  if (checkpoint === undefined) throw refuse("LEDGER_INVALID", "the log has no checkpoint");
  const tree = new GrowingTree();
  const verdict = verifyLedger({
    leaves: growing(tree, hashRows, store.everyRow(firstRow)),
    note: checkpoint.note,
    verifierKey: encodeVerifierKey(key, sha256),
    crypto: noteCrypto,
  });
  if (!verdict.ok) {
    if (verdict.seq !== null) throw invalidEntry(verdict.seq, verdict.reason);
    throw refuse("LEDGER_INVALID", verdict.reason);
  }
  setRight(hashRows, tree.takeGrown());
  return { tree, note: checkpoint.note };
}

/** Rows numbered 0 or less are read too, so that they are refused. */
const firstRow = Number.MIN_SAFE_INTEGER;

/** The rows as they are, each also appended to the tree. */
function* growing(
  tree: GrowingTree,
  hashRows: HashRowTable,
  rows: Iterable<StoredRow>,
): Generator<StoredRow> {
  for (const row of rows) {
    const expected = tree.size + 1;
    if (row.seq < expected) throw invalidEntry(row.seq, "a log begins with entry 1");
    if (row.seq > expected) throw invalidEntry(expected, "it is missing");
    tree.append(row.leafHash);
    setRight(hashRows, tree.takeFull());
    yield row;
  }
}

function setRight(stored: HashRowTable, rows: readonly HashRow[]): void {
  for (const row of rows) {
    if (!sameHash(stored.read(row.level, row.number), row.hashes)) stored.write(row);
  }
}
