import type { Sha256 } from "@cohort/proto/ledger/merkle";
import { noteText } from "@cohort/proto/ledger/note";
import { refuse } from "@cohort/proto/problem";
import { equalBytes } from "../fleet/bytes.ts";
import { type Decision, nothing } from "../state/decision.ts";
import type { State } from "../state/state.ts";
import { suggest } from "../workflow/nearest.ts";

export interface DisputeFound {
  readonly node: string;
  /** The note that the node holds. */
  readonly checkpoint: string;
  readonly conflict: string;
  readonly reason: string;
}

/** A node holds what this ledger does not continue. Recorded once, until it is settled. */
export function decideDispute(
  { ledger }: State,
  found: DisputeFound,
  sha256: Sha256,
): Decision<boolean> {
  if (ledger.disputes.has(found.node)) return nothing(false);
  const givenUp = ledger.givenUp.get(found.node);
  if (givenUp !== undefined && equalBytes(givenUp, textHash(sha256, found.checkpoint))) {
    return nothing(false);
  }
  return { events: [{ $case: "ledgerDisputed", value: found }], value: true };
}

/**
 * An operator knows why the ledger is another than these nodes saw, or all of them when none is named.
 * The value names them. Throws ENTRY_UNKNOWN, USAGE.
 */
export function decideSettle(
  { ledger }: State,
  { nodes, reason, actor }: { nodes: readonly string[]; reason: string; actor: string },
  sha256: Sha256,
): Decision<string[]> {
  if (reason.trim() === "") {
    throw refuse("USAGE", "that a dispute is settled needs a reason, for the ledger");
  }
  const disputed = [...ledger.disputes.keys()].sort();
  const unknown = nodes.find((node) => !ledger.disputes.has(node));
  if (unknown !== undefined) {
    throw refuse("ENTRY_UNKNOWN", `${JSON.stringify(unknown.slice(0, 100))} disputes nothing`, {
      hint: suggest(unknown, disputed),
    });
  }
  const settled = nodes.length === 0 ? disputed : [...new Set(nodes)].sort();
  const events = settled.map((node) => {
    const givenUp = textHash(sha256, ledger.disputes.get(node)?.checkpoint ?? "");
    return { $case: "ledgerDisputeSettled" as const, value: { actor, node, reason, givenUp } };
  });
  return { events, value: settled };
}

/** The text of a note in one hash, as node-agent/src/witness/judge.ts has it. */
function textHash(sha256: Sha256, note: string): Uint8Array {
  return sha256(new TextEncoder().encode(noteText(note)));
}
