import { LedgerCheck, type LedgerLeaf, type LedgerVerdict } from "@cohort/proto/ledger/verify";
import { ledgerCrypto } from "./ledger-crypto.ts";
import type { LedgerExport } from "./ledger-export.ts";

/**
 * Holds a ledger against a key as it is read. `onEntry` is given each entry that is good, and the tree
 * after it.
 */
export async function verifyExport<Json extends string | Uint8Array>(
  ledger: LedgerExport<Json>,
  verifierKey: string,
  onEntry: (tree: LedgerCheck["tree"], leaf: LedgerLeaf<Json>) => void = () => {},
): Promise<LedgerVerdict> {
  const check = new LedgerCheck(ledgerCrypto);
  for await (const leaves of ledger.chunks) {
    for (const leaf of leaves) {
      if (!check.add(leaf)) return check.verdict(ledger.checkpoint, verifierKey);
      onEntry(check.tree, leaf);
    }
  }
  return check.verdict(ledger.checkpoint, verifierKey);
}
