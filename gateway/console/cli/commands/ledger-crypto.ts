import { createHash, createPublicKey, verify } from "node:crypto";
import type { NoteCrypto } from "@cohort/proto/ledger/note";

/** What verification needs, from Node. */
export const ledgerCrypto: NoteCrypto = {
  sha256: (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest()),
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
