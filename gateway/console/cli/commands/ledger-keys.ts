import type { LedgerKeys } from "@cohort/proto/gen/cohort/console";
import { followLedgerKeys, type KeyLink } from "@cohort/proto/ledger/keys";
import {
  encodeVerifierKey,
  fromBase64,
  parseVerifierKey,
  toBase64,
  type VerifierKey,
} from "@cohort/proto/ledger/note";
import { refuse } from "@cohort/proto/problem";
import { neutraliseLines } from "@cohort/proto/text";
import type { Session } from "../session.ts";
import { ledgerCrypto } from "./ledger-crypto.ts";
import { readGiven, writeGiven } from "./ledger-files.ts";

/** All keys of the ledger, a line each: the verifier key, and the signature by the one before. */
export async function keysCommand(
  session: Session,
  { file }: { readonly file?: string },
): Promise<number> {
  const console = await session.console();
  const keys = await console.call(console.ledger, console.ledger.keys, {});
  if (file === undefined) show(session, keys);
  else {
    const path = writeGiven(session, file, linesOf(keys));
    session.output.result({ file: path }, () => neutraliseLines(path));
  }
  return 0;
}

export async function rotateKey(session: Session): Promise<number> {
  const console = await session.console();
  const keys = await console.call(console.ledger, console.ledger.rotateKey, {});
  session.output.progress("from now on the last of these keys signs; those before lead to it");
  show(session, keys);
  return 0;
}

/**
 * The keys that the given one leads to, itself first. `file` is what `cohort ledger keys` wrote; without
 * it there is no other. Throws LEDGER_INVALID, USAGE.
 */
export function keysFrom(session: Session, key: string, file?: string): VerifierKey[] {
  const trusted = parseVerifierKey(key, ledgerCrypto.sha256);
  if (file === undefined) return [trusted];
  const links = readGiven(session, file).split("\n").filter(Boolean).map(linkOf);
  followLedgerKeys(trusted, links, ledgerCrypto);
  const chain = links.map((link) => ({ name: trusted.name, publicKey: link.key }));
  const encoded = (it: VerifierKey) => encodeVerifierKey(it, ledgerCrypto.sha256);
  const from = chain.findIndex((it) => encoded(it) === encoded(trusted));
  return from === -1 ? [trusted] : chain.slice(from);
}

function linkOf(line: string): KeyLink {
  const [verifierKey = "", signature = ""] = line.split(" ");
  const { publicKey: key } = parseVerifierKey(verifierKey, ledgerCrypto.sha256);
  const bytes = fromBase64(signature);
  if (signature !== "" && bytes.length !== 64) {
    throw refuse("LEDGER_INVALID", "a line of the keys has no signature");
  }
  return { key, signature: bytes };
}

function show(session: Session, keys: LedgerKeys): void {
  const views = keys.keys.map(({ verifierKey, signature }) => ({
    verifier_key: verifierKey,
    signature: toBase64(signature),
  }));
  session.output.result({ keys: views }, () => neutraliseLines(linesOf(keys).trimEnd()));
}

function linesOf({ keys }: LedgerKeys): string {
  return keys
    .map(({ verifierKey, signature }) => `${verifierKey} ${toBase64(signature)}`.trimEnd())
    .map((line) => `${line}\n`)
    .join("");
}
