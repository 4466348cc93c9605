import { hash } from "node:crypto";
import type { Sha256 } from "@cohort/proto/ledger/merkle";
import type { NoteCrypto } from "@cohort/proto/ledger/note";
import { verifySignature } from "./ed25519.ts";

/** By way of a text, since Node makes a Buffer for an answer in twice the time of the hash itself. */
export const sha256: Sha256 = (bytes) => Buffer.from(hash("sha256", bytes, "binary"), "binary");

/** What the pure ledger code of proto needs from the platform. */
export const noteCrypto: NoteCrypto = { sha256, verify: verifySignature };
