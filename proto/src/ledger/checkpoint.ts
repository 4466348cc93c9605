import { refuse } from "../problem.ts";
import type { Sha256 } from "./merkle.ts";
import {
  fromBase64,
  type NoteCrypto,
  type NoteSigner,
  openNote,
  signNote,
  toBase64,
  type VerifierKey,
} from "./note.ts";

/** What a log commits to: https://c2sp.org/tlog-checkpoint. The origin is the signing key's name. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** The checkpoint as a signed note. */
export function signCheckpoint(
  tree: { readonly size: number; readonly root: Uint8Array },
  signer: NoteSigner,
  sha256: Sha256,
): string {
  return signNote(checkpointBody({ origin: signer.name, ...tree }), signer, sha256);
}

/** The checkpoint in a note that the key has signed. Throws LEDGER_INVALID. */
export function openCheckpoint(note: string, key: VerifierKey, crypto: NoteCrypto): Checkpoint {
  const checkpoint = parseCheckpointBody(openNote(note, key, crypto));
  if (checkpoint.origin !== key.name) {
    throw refuse("LEDGER_INVALID", `the checkpoint is of another log, ${checkpoint.origin}`);
  }
  return checkpoint;
}

function checkpointBody({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** Extension lines, which may follow the root, are passed over. Throws LEDGER_INVALID. */
export function parseCheckpointBody(text: string): Checkpoint {
  const [origin = "", size = "", root = ""] = text.split("\n");
  const hash = fromBase64(root);
  const wellFormed = origin !== "" && /^(?:0|[1-9]\d*)$/.test(size) && hash.length === 32;
  if (!wellFormed || !Number.isSafeInteger(Number(size))) {
    throw refuse("LEDGER_INVALID", "the checkpoint's text is not origin, size and root");
  }
  return { origin, size: Number(size), root: hash };
}
