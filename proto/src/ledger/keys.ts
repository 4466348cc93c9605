import { refuse } from "../problem.ts";
import { ledgerKeyProof } from "../proof.ts";
import type { NoteCrypto, VerifierKey } from "./note.ts";

/** A key that signs a ledger's checkpoints, signed by the one before it; the first is not. */
export interface KeyLink {
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * The key that signs now, when all that came after the trusted one were each signed by the one before.
 * Where the trusted key is none of them, nothing leads on from it. Throws LEDGER_INVALID.
 */
export function followLedgerKeys(
  trusted: VerifierKey,
  links: readonly KeyLink[],
  crypto: NoteCrypto,
): VerifierKey {
  const from = links.findIndex(({ key }) => same(key, trusted.publicKey));
  if (from === -1) return trusted;
  let publicKey = trusted.publicKey;
  for (const next of links.slice(from + 1)) {
    if (!crypto.verify(publicKey, ledgerKeyProof(trusted.name, next.key), next.signature)) {
      throw refuse("LEDGER_INVALID", "a key of the ledger is not signed by the one before");
    }
    publicKey = next.key;
  }
  return { name: trusted.name, publicKey };
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
