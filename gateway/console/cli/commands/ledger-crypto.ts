import { createPublicKey, hash, verify } from "node:crypto";
import type { NoteCrypto } from "@cohort/proto/ledger/note";

/** What verification needs, from Node. */
export const ledgerCrypto: NoteCrypto = {
  // By way of a text, since Node makes a Buffer for an answer in twice the time of the hash itself.
  sha256: (bytes) => Buffer.from(hash("sha256", bytes, "binary"), "binary"),
  verify(publicKey, message, signature) {
    try {
      const der = Buffer.concat([spkiPrefix, publicKey]);
      const key = createPublicKey({ key: der, format: "der", type: "spki" });
      return signature.length === 64 && verify(null, message, key, signature);
    } catch {
      return false;
    }
  },
};

/** DER before the 32 bytes of an Ed25519 key (RFC 8410 §4). */
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");
