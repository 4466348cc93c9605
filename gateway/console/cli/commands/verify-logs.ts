import { errors } from "@cohort/proto/errors";
import { Entry } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { chainOutput, emptyOutputChain } from "@cohort/proto/ledger/output-chain";
import { refuse } from "@cohort/proto/problem";
import { attemptId } from "@cohort/proto/proof";
import { neutralise } from "@cohort/proto/text";
import type { ConsoleClient } from "../../../src/console-client/console-client.ts";
import type { Session } from "../session.ts";
import { verifyExport } from "./ledger-check.ts";
import { ledgerCrypto } from "./ledger-crypto.ts";
import { exportFromCoordinator } from "./ledger-export.ts";

/**
 * Holds what is kept of a run's output, which is no part of the ledger, against what the ledger recorded
 * of it when each attempt ended. Verifies the whole ledger for that. Throws LEDGER_INVALID.
 */
export async function verifyLogs(
  session: Session,
  run: string,
  key: string | undefined,
): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const recorded = await recordedOf(session, console, run, key);
  const outputs = await keptOf(console, run, recorded);
  const differ = outputs.some(({ state }) => state === "differs");
  output.result({ run, ok: !differ, outputs }, () =>
    output.table(
      ["STEP", "ATTEMPT", "BYTES", "MISSING", "OUTPUT"],
      outputs.map((it) => [
        neutralise(`${it.step}[${it.instance}]`),
        String(it.attempt),
        String(it.bytes),
        it.missing === null ? "?" : String(it.missing),
        it.state,
      ]),
    ),
  );
  return differ ? errors.LEDGER_INVALID.exit : 0;
}

/** What the ledger says of an attempt's output. */
interface Recorded {
  readonly attempt: AttemptKey;
  readonly pieces: number;
  readonly bytes: number;
  readonly chain: Uint8Array;
  /** What the attempt wrote in all; null when nobody knows. */
  readonly written: number | null;
}

interface Kept {
  readonly step: string;
  readonly instance: number;
  readonly attempt: number;
  readonly bytes: number;
  /** Of what the attempt wrote; null when nobody knows. */
  readonly missing: number | null;
  /** `unrecorded`: the attempt runs, or the coordinator decided its end without its node. */
  readonly state: "as recorded" | "differs" | "unrecorded";
}

async function recordedOf(
  session: Session,
  console: ConsoleClient,
  run: string,
  key: string | undefined,
): Promise<Map<string, Recorded>> {
  const ledger = await exportFromCoordinator(console);
  if (key === undefined) {
    session.output.progress(
      `verifying with the coordinator's own word for its key: ${ledger.verifierKey}`,
    );
  }
  const recorded = new Map<string, Recorded>();
  const verdict = await verifyExport(ledger, key ?? ledger.verifierKey, (_tree, { json }) => {
    // Most entries are of other runs, and need not be read.
    const found = json.includes(run) ? endIn(json) : null;
    if (found?.attempt.run === run) recorded.set(attemptId(found.attempt), found);
  });
  if (!verdict.ok) throw refuse(verdict.code, verdict.reason);
  return recorded;
}

/** An attempt whose node told of its end. */
function endIn(json: string): Recorded | null {
  const { event } = Entry.fromJSON(JSON.parse(json));
  if (event?.$case !== "attemptEnded" || event.value.nodeSeq === 0) return null;
  const { attempt, output, result } = event.value;
  if (attempt === undefined) return null;
  const { pieces = 0, bytes = 0, chain = emptyOutputChain } = output ?? {};
  return { attempt, pieces, bytes, chain, written: result?.logBytes ?? null };
}

async function keptOf(
  console: ConsoleClient,
  run: string,
  recorded: ReadonlyMap<string, Recorded>,
): Promise<Kept[]> {
  const found = new Map<string, Found>();
  for (const { attempt } of recorded.values()) found.set(attemptId(attempt), nothing(attempt));
  const request = { run, step: "", follow: false, after: 0 };
  for await (const line of console.stream(console.runs, console.runs.logs, request)) {
    if (line.attempt === undefined) continue;
    const id = attemptId(line.attempt);
    const before = found.get(id) ?? nothing(line.attempt);
    found.set(id, before);
    // What a node sent after it had told of the end is not what it told of.
    if (before.pieces >= (recorded.get(id)?.pieces ?? Number.POSITIVE_INFINITY)) continue;
    before.pieces += 1;
    before.bytes += line.data.length;
    before.chain = chainOutput(before.chain, line, ledgerCrypto.sha256);
  }
  return [...found].map(([id, it]) => verdictOf(it, recorded.get(id)));
}

interface Found {
  readonly attempt: AttemptKey;
  pieces: number;
  bytes: number;
  chain: Uint8Array;
}

function nothing(attempt: AttemptKey): Found {
  return { attempt, pieces: 0, bytes: 0, chain: emptyOutputChain };
}

function verdictOf({ attempt, pieces, bytes, chain }: Found, says: Recorded | undefined): Kept {
  const same = says?.pieces === pieces && Buffer.from(chain).equals(says.chain);
  const written = says?.written ?? null;
  return {
    step: attempt.step,
    instance: attempt.instance,
    attempt: attempt.attempt,
    bytes,
    missing: written === null ? null : Math.max(0, written - bytes),
    state: says === undefined ? "unrecorded" : same ? "as recorded" : "differs",
  };
}
