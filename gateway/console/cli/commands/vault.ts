import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import type { VaultStatus } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { formatMoment } from "../moments.ts";
import { readSecret, readSecretFile } from "../secret-input.ts";
import type { Session } from "../session.ts";
import { vaultView } from "../views.ts";

/** What opens a vault is 32 bytes, in a file of an operator's. */
const keyFileBytes = 32;
/** Argon2id takes a second or two, on a small machine several. */
const unsealMs = 60_000;

export async function vaultStatus(session: Session): Promise<number> {
  const console = await session.console();
  return show(session, await console.call(console.vault, console.vault.status, {}));
}

export async function unseal(
  session: Session,
  options: { readonly keyFile?: string },
): Promise<number> {
  const console = await session.console();
  const status = await console.call(console.vault, console.vault.status, {});
  if (status.state === "unsealed") return show(session, status);
  const key = await keyOf(session, status.kind, "passphrase of the vault: ", options.keyFile);
  try {
    const call = { timeoutMs: unsealMs };
    return show(session, await console.call(console.vault, console.vault.unseal, { key }, call));
  } finally {
    key.fill(0);
  }
}

export async function seal(
  session: Session,
  { reason }: { readonly reason: string },
): Promise<number> {
  const console = await session.console();
  return show(session, await console.call(console.vault, console.vault.seal, { reason }));
}

/** Secrets open with another key from now on: asked for twice where it is a passphrase at a terminal. */
export async function rotateKek(
  session: Session,
  options: { readonly to: string; readonly keyFile?: string; readonly newKeyFile?: string },
): Promise<number> {
  const console = await session.console();
  const { kind } = await console.call(console.vault, console.vault.status, {});
  const [former, key] = await formerAndNew(session, kind, options);
  try {
    const request = { kind: options.to, former, key };
    const call = { timeoutMs: unsealMs };
    const status = await console.call(console.vault, console.vault.rotateKek, request, call);
    return show(session, status);
  } finally {
    for (const secret of [former, key]) secret.fill(0);
  }
}

export async function rotateMachineKey(session: Session): Promise<number> {
  const console = await session.console();
  return show(session, await console.call(console.vault, console.vault.rotateMachineKey, {}));
}

export async function rotateDataKey(session: Session): Promise<number> {
  const console = await session.console();
  return show(session, await console.call(console.vault, console.vault.rotateDataKey, {}));
}

export async function rotateTokenKey(
  session: Session,
  { atOnce }: { readonly atOnce: boolean },
): Promise<number> {
  const console = await session.console();
  const { vault } = console;
  return show(session, await console.call(vault, vault.rotateTokenKey, { atOnce }));
}

export async function accept(
  session: Session,
  request: { readonly reason: string; readonly generation: number },
): Promise<number> {
  const console = await session.console();
  return show(session, await console.call(console.vault, console.vault.accept, request));
}

async function keyOf(
  session: Session,
  kind: string,
  question: string,
  file: string | undefined,
): Promise<Buffer> {
  if (kind === "machine") return Buffer.alloc(0);
  if (kind === "passphrase") return readSecret(session, question);
  if (file !== undefined) return readSecretFile(session, file);
  throw refuse("USAGE", "the vault opens with a key file", { hint: "Name it: --key-file FILE." });
}

/** Without a terminal both passphrases come by stdin, a line each. */
async function formerAndNew(
  session: Session,
  kind: string,
  options: { readonly to: string; readonly keyFile?: string; readonly newKeyFile?: string },
): Promise<[Buffer, Buffer]> {
  const { to, keyFile, newKeyFile } = options;
  if (session.terminal.askSecret === null && kind === "passphrase" && to === "passphrase") {
    return twoLines(await session.terminal.readInput());
  }
  const former = await keyOf(session, kind, "passphrase of now: ", keyFile);
  if (to === "machine") return [former, Buffer.alloc(0)];
  if (to === "passphrase") return [former, await newPassphrase(session)];
  if (to === "key-file" && newKeyFile !== undefined) {
    return [former, createKeyFile(resolve(session.terminal.directory, newKeyFile))];
  }
  throw refuse("USAGE", `--to ${to} is not possible like this`, {
    hint: "There are --to machine, --to passphrase, and --to key-file --new-key-file FILE.",
  });
}

async function newPassphrase(session: Session): Promise<Buffer> {
  const first = await readSecret(session, "new passphrase: ");
  if (session.terminal.askSecret === null) return first;
  const again = await readSecret(session, "again: ");
  const same = first.equals(again);
  again.fill(0);
  if (same) return first;
  first.fill(0);
  throw refuse("USAGE", "the two passphrases are not the same");
}

function twoLines(input: Buffer): [Buffer, Buffer] {
  const end = input.indexOf(0x0a);
  const rest = input.subarray(end + 1);
  const lineEnd = rest.indexOf(0x0a);
  if (end < 0) {
    throw refuse(
      "USAGE",
      "stdin must hold the passphrase of now, and in a second line the new one",
    );
  }
  return [input.subarray(0, end), lineEnd < 0 ? rest : rest.subarray(0, lineEnd)];
}

/** Random, on disk when this returns; it exists before the vault opens with nothing else. */
function createKeyFile(path: string): Buffer {
  const key = randomBytes(keyFileBytes);
  try {
    const file = openSync(path, "wx", 0o600);
    try {
      writeSync(file, key);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return key;
  } catch (cause) {
    key.fill(0);
    throw refuse("USAGE", `${path} cannot be written, or is there already`, undefined, cause);
  }
}

function show({ output }: Session, status: VaultStatus): number {
  output.result(vaultView(status), () => output.table(["VAULT", ""], rowsOf(status)));
  return 0;
}

function rowsOf(it: VaultStatus): string[][] {
  const sealed = it.sealedBy === "" ? it.state : `${it.state}, by ${it.sealedBy}`;
  const generation =
    it.generation === it.recorded
      ? String(it.generation)
      : `${it.generation}; the ledger knows ${it.recorded}`;
  const reseal = it.resealLeft === 0 ? "" : `, ${it.resealLeft} values to be brought there`;
  const former =
    it.formerTokenKeyUntilMs === 0
      ? ""
      : `, the former until ${formatMoment(it.formerTokenKeyUntilMs)}`;
  return [
    ["state", sealed],
    ["opens with", it.kind],
    ["secrets", String(it.secrets)],
    ["generation", generation],
    ["data key", `${it.dataKey}, ${it.dataKeyUses} values encrypted${reseal}`],
    ["token key", `${it.tokenKey}, since ${formatMoment(it.tokenKeySinceMs)}${former}`],
    ["calls waiting", String(it.callsWaiting)],
  ];
}
