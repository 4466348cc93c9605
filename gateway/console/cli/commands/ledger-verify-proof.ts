import { textLeafHash } from "@cohort/proto/ledger/merkle";
import { verifyConsistency, verifyInclusion } from "@cohort/proto/ledger/merkle-proof";
import { toBase64, type VerifierKey } from "@cohort/proto/ledger/note";
import { type EntryProof, type GrowthProof, parseProofFile } from "@cohort/proto/ledger/proof-file";
import { refuse } from "@cohort/proto/problem";
import { neutraliseLines } from "@cohort/proto/text";
import type { Session } from "../session.ts";
import { ledgerCrypto } from "./ledger-crypto.ts";
import { whyDropped } from "./ledger-dropped.ts";
import { readGiven } from "./ledger-files.ts";
import { keysFrom } from "./ledger-keys.ts";
import { openByAny } from "./ledger-seen.ts";

/** What `cohort ledger prove` wrote, held against the public key and nothing else. Throws LEDGER_INVALID. */
export function verifyProofCommand(
  session: Session,
  options: {
    readonly proof: string;
    readonly since?: string;
    readonly key?: string;
    readonly keys?: string;
  },
): number {
  if (options.key === undefined) {
    throw refuse("USAGE", "a proof is verified with a key that did not come with it", {
      hint: "Give --key with the verifier key that was noted when the mesh was set up.",
    });
  }
  const keys = keysFrom(session, options.key, options.keys);
  const proof = parseProofFile(readGiven(session, options.proof));
  if (proof.kind === "entry") return reportEntry(session, proof, keys);
  if (options.since === undefined) {
    throw refuse("USAGE", "this proof says that the ledger grew since an older checkpoint", {
      hint: "Give --since with the file that holds that checkpoint.",
    });
  }
  return reportGrowth(session, proof, readGiven(session, options.since), keys);
}

function reportEntry(
  session: Session,
  { json, dropped, index, path, checkpoint }: EntryProof,
  keys: readonly VerifierKey[],
): number {
  const { size, root } = openByAny(checkpoint, keys);
  const leaf = dropped?.leafHash ?? textLeafHash(ledgerCrypto.sha256, json);
  if (!verifyInclusion(ledgerCrypto.sha256, { index, leaf, size, root, path })) {
    throw refuse("LEDGER_INVALID", "the entry is not the one that its proof leads to", {
      hint: "The file was changed, or it was never in this ledger.",
    });
  }
  const seq = index + 1;
  if (dropped !== undefined) return reportDropped(session, { seq, size, json, dropped });
  session.output.result({ ok: true, seq, size, json }, () =>
    neutraliseLines(`entry ${seq} is in the ledger of ${size} entries:\n${json}`),
  );
  return 0;
}

/** The hash is proved; of what is left, the entry that records it says whether it is the true one. */
function reportDropped(
  session: Session,
  {
    seq,
    size,
    json,
    dropped,
  }: Required<Pick<EntryProof, "json" | "dropped">> & {
    readonly seq: number;
    readonly size: number;
  },
): number {
  const { leafHash, by, atMs: at_ms, maxAgeMs: max_age_ms } = dropped;
  const leaf_hash = Buffer.from(leafHash).toString("hex");
  const remainder_hash = toBase64(textLeafHash(ledgerCrypto.sha256, json));
  const view = { ok: true, seq, size, leaf_hash, dropped: { by, at_ms, max_age_ms } };
  session.output.result({ ...view, remainder: json, remainder_hash }, () =>
    neutraliseLines(
      [
        `entry ${seq}, whose leaf hash is ${leaf_hash}, is in the ledger of ${size} entries`,
        `${whyDropped(dropped)}`,
        `what is left of it is true if the proof of entry ${by} gives its hash as ${remainder_hash}:`,
        json,
      ].join("\n"),
    ),
  );
  return 0;
}

function reportGrowth(
  session: Session,
  proof: GrowthProof,
  since: string,
  keys: readonly VerifierKey[],
): number {
  const older = openByAny(since, keys);
  const newer = openByAny(proof.checkpoint, keys);
  const isSame = proof.older === older.size;
  if (!isSame || !verifyConsistency(ledgerCrypto.sha256, { older, newer, path: proof.path })) {
    throw refuse(
      "LEDGER_INVALID",
      "the proof does not lead from the older checkpoint to the newer",
      {
        hint: "Where `cohort ledger prove --since` cannot prove it either, history was rewritten.",
      },
    );
  }
  session.output.result({ ok: true, from: older.size, to: newer.size }, () =>
    neutraliseLines(`the ledger of ${newer.size} entries begins with the ${older.size} of before`),
  );
  return 0;
}
