import { once } from "node:events";
import { createWriteStream, renameSync } from "node:fs";
import { resolve } from "node:path";
import { errors } from "@cohort/proto/errors";
import type { LedgerVerdict } from "@cohort/proto/ledger/verify";
import { refuse } from "@cohort/proto/problem";
import { neutraliseLines } from "@cohort/proto/text";
import type { Session } from "../session.ts";
import { verifyExport } from "./ledger-check.ts";
import { exportFromCoordinator, exportFromFile, exportLines } from "./ledger-export.ts";
import { keysFrom } from "./ledger-keys.ts";
import { Seen } from "./ledger-seen.ts";

export interface VerifyOptions {
  readonly export?: string;
  readonly key?: string;
  readonly proof?: string;
  readonly since?: string;
  readonly witnessed?: readonly string[];
  readonly keys?: string;
}

/** Checks every entry against the signed checkpoint: of the coordinator, or of an export, offline. */
export async function verifyLedgerCommand(
  session: Session,
  options: VerifyOptions,
): Promise<number> {
  if (options.proof !== undefined) {
    const { verifyProofCommand } = await import("./ledger-verify-proof.ts");
    return verifyProofCommand(session, { ...options, proof: options.proof });
  }
  if (options.export !== undefined && options.key === undefined) {
    throw refuse("USAGE", "an export is verified with a key that did not come with it", {
      hint: "Give --key with the verifier key that was noted when the mesh was set up.",
    });
  }
  const ledger =
    options.export === undefined
      ? await exportFromCoordinator(await session.console())
      : await exportFromFile(resolve(session.terminal.directory, options.export));
  if (options.key === undefined) {
    session.output.progress(
      `verifying with the coordinator's own word for its key: ${ledger.verifierKey}`,
    );
  }
  const key = options.key ?? ledger.verifierKey;
  const seen = new Seen(session, options.witnessed ?? [], keysFrom(session, key, options.keys));
  const verdict = await verifyExport(ledger, key, (tree) => seen.compare(tree));
  if (verdict.ok) seen.assertAll(verdict.size);
  session.output.result(verdictView(verdict), () => neutraliseLines(describe(verdict)));
  return verdict.ok ? 0 : errors[verdict.code].exit;
}

/** Writes the ledger as lines of JSON: first the checkpoint and its key, then one line an entry. */
export async function exportLedgerCommand(
  session: Session,
  options: { readonly file?: string },
): Promise<number> {
  const ledger = await exportFromCoordinator(await session.console());
  if (options.file === undefined) {
    for await (const line of exportLines(ledger)) session.terminal.writeResult(`${line}\n`);
    return 0;
  }
  const path = resolve(session.terminal.directory, options.file);
  const entries = await writeLines(path, exportLines(ledger));
  session.output.result({ file: path, entries, verifier_key: ledger.verifierKey }, () =>
    neutraliseLines(`${entries} entries in ${path}\nverifier key: ${ledger.verifierKey}`),
  );
  return 0;
}

/** All or nothing: a half-written export would look like a cut ledger. Returns the entries. */
async function writeLines(path: string, lines: AsyncIterable<string>): Promise<number> {
  const partial = `${path}.partial`;
  const file = createWriteStream(partial, { mode: 0o600 });
  try {
    await once(file, "open");
    let count = 0;
    for await (const line of lines) {
      if (!file.write(`${line}\n`)) await once(file, "drain");
      count += 1;
    }
    file.end();
    await once(file, "finish");
    renameSync(partial, path);
    return count - 1;
  } catch (cause) {
    if (cause instanceof Error && "syscall" in cause) {
      throw refuse("USAGE", `${path} cannot be written`, undefined, cause);
    }
    throw cause;
  } finally {
    file.destroy();
  }
}

function verdictView(verdict: LedgerVerdict) {
  return verdict.ok ? { ...verdict, root: Buffer.from(verdict.root).toString("hex") } : verdict;
}

function describe(verdict: LedgerVerdict): string {
  if (verdict.ok) {
    const root = Buffer.from(verdict.root).toString("hex");
    const lacks = verdict.dropped === 0 ? "" : `\n${droppedText(verdict.dropped)}`;
    return `${verdict.size} entries, root ${root}: as signed${lacks}`;
  }
  const place = verdict.seq === null ? "" : `entry ${verdict.seq}: `;
  return `${verdict.code} ${place}${verdict.reason}`;
}

function droppedText(count: number): string {
  const whose =
    count === 1 ? "1 of them is without its payload" : `${count} of them are without their payload`;
  return `${whose}: dropped by retention, as the ledger records`;
}
