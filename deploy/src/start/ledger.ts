import { ledgerCrypto as crypto } from "@cohort/gateway/console/cli/commands/ledger-crypto.ts";
import type { ConsoleClient } from "@cohort/gateway/src/console-client/console-client.ts";
import { type LedgerLeaf, verifyLedger } from "@cohort/proto/ledger/verify";
import { refuse } from "@cohort/proto/problem";

/**
 * Exports the whole ledger and holds it against its signed checkpoint, here and not in the
 * coordinator. Gives what was found, a line each. Throws LEDGER_INVALID.
 */
export async function verifiedLedger(client: ConsoleClient): Promise<string[]> {
  const leaves: LedgerLeaf[] = [];
  let note = "";
  let verifierKey = "";
  for await (const chunk of client.stream(client.ledger, client.ledger.export, {})) {
    note ||= chunk.checkpoint;
    verifierKey ||= chunk.verifierKey;
    leaves.push(...chunk.leaves);
  }
  const verdict = verifyLedger({ leaves, note, verifierKey, crypto });
  if (!verdict.ok) {
    const place = verdict.seq === null ? "" : `entry ${verdict.seq}: `;
    throw refuse(verdict.code, `${place}${verdict.reason}`, {
      hint: "Keep a copy of the data folder; `cohort ledger verify` repeats the check.",
    });
  }
  const root = Buffer.from(verdict.root).toString("base64");
  return [
    `${verdict.size} entries, verified here against the signed checkpoint`,
    `checkpoint root ${root}`,
    `signed by ${verifierKey}`,
  ];
}
