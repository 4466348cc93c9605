import { parseCheckpointBody } from "@cohort/proto/ledger/checkpoint";
import { formatEntryProof, formatGrowthProof } from "@cohort/proto/ledger/proof-file";
import { refuse } from "@cohort/proto/problem";
import { neutraliseLines } from "@cohort/proto/text";
import type { ConsoleClient } from "../../../src/console-client/console-client.ts";
import type { Session } from "../session.ts";
import { whyDropped } from "./ledger-dropped.ts";
import { readGiven, writeGiven } from "./ledger-files.ts";

export interface ProveOptions {
  readonly since?: string;
  readonly file?: string;
}

/** The newest signed checkpoint, as it is. */
export async function checkpointCommand(
  session: Session,
  { file }: Pick<ProveOptions, "file">,
): Promise<number> {
  const console = await session.console();
  const { note } = await console.call(console.ledger, console.ledger.checkpoint, {});
  return put(session, note, file);
}

/** Proofs that need nothing but the public key to be verified. */
export async function proveCommand(
  session: Session,
  entry: string | undefined,
  { since, file }: ProveOptions,
): Promise<number> {
  if ((entry === undefined) === (since === undefined)) {
    throw refuse("USAGE", "either an entry or --since says what is to be proved", {
      hint: "As in `cohort ledger prove 42` or `cohort ledger prove --since FILE`.",
    });
  }
  if (since !== undefined) return proveGrowth(session, readGiven(session, since), file);
  if (/^[1-9]\d{0,15}$/.test(entry ?? "")) {
    return put(session, await entryProof(session, await session.console(), Number(entry)), file);
  }
  return proveRun(session, entry ?? "", file);
}

async function proveGrowth(session: Session, since: string, file?: string): Promise<number> {
  const { size: older } = parseCheckpointBody(since);
  const console = await session.console();
  const { path, checkpoint } = await console.call(console.ledger, console.ledger.proveGrowth, {
    size: older,
  });
  return put(session, formatGrowthProof({ older, path, checkpoint }), file);
}

/** Every entry about a run, or about a step of it: a file each. */
async function proveRun(session: Session, named: string, folder?: string): Promise<number> {
  if (folder === undefined) {
    throw refuse("USAGE", "a run has many entries, and each has a proof of its own", {
      hint: "Give -O with a folder for them, or the number of one entry.",
    });
  }
  const [run = "", step = ""] = named.split("/");
  const console = await session.console();
  const entries: number[] = [];
  for await (const { seq } of console.stream(console.ledger, console.ledger.find, { run, step })) {
    writeGiven(session, `${folder}/${seq}.tlog-proof`, await entryProof(session, console, seq));
    entries.push(seq);
  }
  if (entries.length === 0) throw refuse("ENTRY_UNKNOWN", `no entry is about "${named}"`);
  session.output.result({ folder, entries }, () =>
    neutraliseLines(`${entries.length} proofs in ${folder}, named by the entries' numbers`),
  );
  return 0;
}

async function entryProof(session: Session, console: ConsoleClient, seq: number): Promise<string> {
  const { ledger } = console;
  const { json, path, checkpoint, leafHash, dropped } = await console.call(ledger, ledger.prove, {
    seq,
  });
  const proof = { json, path, checkpoint, index: seq - 1 };
  if (dropped === undefined) return formatEntryProof(proof);
  session.output.progress(
    neutraliseLines(
      `entry ${seq}, leaf hash ${Buffer.from(leafHash).toString("hex")}: ${whyDropped(dropped)}`,
    ),
  );
  return formatEntryProof({ ...proof, dropped: { ...dropped, leafHash } });
}

function put(session: Session, text: string, file?: string): number {
  if (file === undefined) session.terminal.writeResult(text);
  else {
    const path = writeGiven(session, file, text);
    session.output.result({ file: path }, () => neutraliseLines(path));
  }
  return 0;
}
