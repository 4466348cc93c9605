import { errors } from "@cohort/proto/errors";
import type { Witness } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { neutralise, neutraliseLines } from "@cohort/proto/text";
import { formatMoment } from "../moments.ts";
import type { Session } from "../session.ts";

/** What each node saw of the ledger last. */
export async function witnesses(session: Session): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const reply = await console.call(console.ledger, console.ledger.witnesses, {});
  output.result({ witnesses: reply.witnesses.map(view) }, () =>
    output.table(
      ["NODE", "ENTRIES SEEN", "TOLD", "DISPUTE"],
      reply.witnesses.map((it) => [
        it.node,
        it.size === 0 ? "-" : String(it.size),
        formatMoment(it.toldMs),
        it.dispute === "" ? "-" : neutralise(it.dispute),
      ]),
    ),
  );
  return reply.witnesses.some(({ dispute }) => dispute !== "") ? errors.LEDGER_FORKED.exit : 0;
}

/** The nodes go on from the ledger as it is; that they saw another stays on record. */
export async function settle(
  session: Session,
  nodes: readonly string[],
  { reason, all }: { readonly reason: string; readonly all: boolean },
): Promise<number> {
  if (all === nodes.length > 0) {
    throw refuse("USAGE", "either nodes are named or --all is given");
  }
  const console = await session.console();
  const { settled } = await console.call(console.ledger, console.ledger.settle, {
    nodes: [...nodes],
    reason,
  });
  session.output.result({ settled }, () =>
    neutraliseLines(
      settled.length === 0 ? "nothing was disputed" : `settled: ${settled.join(", ")}`,
    ),
  );
  return 0;
}

function view(it: Witness) {
  const { node, size, toldMs, checkpoint, verifierKey, dispute, disputedMs } = it;
  return {
    node,
    size,
    told_ms: toldMs,
    checkpoint,
    verifier_key: verifierKey,
    dispute,
    disputed_ms: disputedMs,
  };
}
