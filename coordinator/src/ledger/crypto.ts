import { hash } from "node:crypto";
import type { Sha256 } from "@cohort/proto/ledger/merkle";
import type { NoteCrypto } from "@cohort/proto/ledger/note";
import { verifySignature } from "./ed25519.ts";

export const sha256: Sha256 = (bytes) => hash("sha256", bytes, "buffer");

/** What the pure ledger code of proto needs from the platform. */
export const noteCrypto: NoteCrypto = { sha256, verify: verifySignature };
