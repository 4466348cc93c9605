import { InvalidArgumentError } from "commander";
import type { AddCommands } from "./program.ts";

/** What goes into the vault, and what opens it. */
export const addVaultCommands: AddCommands = (program, work) => {
  addSecretCommands(program, work);
  const vault = program.command("vault").description("open and close the vault, replace its keys");
  vault
    .command("status")
    .description("show whether secrets can be used, and which keys are in use")
    .action(() =>
      work(async (session) => (await import("./commands/vault.ts")).vaultStatus(session)),
    );
  vault
    .command("unseal")
    .description("let secrets be used; a passphrase is asked for, or read from stdin")
    .option("--key-file <file>", "the key, where the vault opens with a key file")
    .action((options) =>
      work(async (session) => (await import("./commands/vault.ts")).unseal(session, options)),
    );
  vault
    .command("seal")
    .description("let no secret be used, until it is unsealed; over restarts, too")
    .option("--reason <text>", "why, for those who read the ledger", "")
    .action((options) =>
      work(async (session) => (await import("./commands/vault.ts")).seal(session, options)),
    );
  vault
    .command("rotate-kek")
    .description("have secrets open with another key; what opens them now is asked for")
    .requiredOption("--to <kind>", "machine, passphrase or key-file")
    .option("--key-file <file>", "the key that opens them now, where that is a file's")
    .option("--new-key-file <file>", "write a new key there, with --to key-file")
    .action((options) =>
      work(async (session) => (await import("./commands/vault.ts")).rotateKek(session, options)),
    );
  vault
    .command("rotate-machine-key")
    .description("replace the key of the machine, which opens the coordinator's own keys")
    .action(() =>
      work(async (session) => (await import("./commands/vault.ts")).rotateMachineKey(session)),
    );
  vault
    .command("rotate-data-key")
    .description("encrypt all secrets anew, in the background")
    .action(() =>
      work(async (session) => (await import("./commands/vault.ts")).rotateDataKey(session)),
    );
  vault
    .command("rotate-token-key")
    .description("encrypt step tokens with another key; those under the former one run out")
    .option("--at-once", "tokens under the former one are worth nothing from now on", false)
    .action((options) =>
      work(async (session) =>
        (await import("./commands/vault.ts")).rotateTokenKey(session, options),
      ),
    );
  vault
    .command("accept")
    .description("take the vault's file as it is, although the ledger knows another")
    .requiredOption(
      "--generation <number>",
      "of the file, as `cohort vault status` shows it",
      count,
    )
    .requiredOption("--reason <text>", "why, for those who read the ledger")
    .action((options) =>
      work(async (session) => (await import("./commands/vault.ts")).accept(session, options)),
    );
};

const addSecretCommands: AddCommands = (program, work) => {
  const secret = program
    .command("secret")
    .description("put secrets into the vault; none comes out");
  secret
    .command("set <path> [value...]")
    .usage("<path> [options]   (the value is read from stdin)")
    .description("set a secret, whose value is read from stdin; what it was before ends at once")
    .option("--from-file <file>", "read the value from this file instead")
    .option(
      "--service <name...>",
      "services that may be given it; else the one that the path begins with",
      [],
    )
    .action((path, value, options) =>
      work(async (session) =>
        (await import("./commands/secret.ts")).setSecret(session, path, value, options),
      ),
    );
  secret
    .command("rotate <path> [value...]")
    .usage("<path> [options]   (the value is read from stdin)")
    .description("set a secret anew; what it was before stays good for a while")
    .option("--from-file <file>", "read the value from this file instead")
    .option("--service <name...>", "services that may be given it; else those of before", [])
    .option("--overlap <duration>", "how long what it was before is good", "24h")
    .action((path, value, options) =>
      work(async (session) =>
        (await import("./commands/secret.ts")).rotateSecret(session, path, value, options),
      ),
    );
  secret
    .command("list")
    .description("list paths and versions")
    .action(() =>
      work(async (session) => (await import("./commands/secret.ts")).listSecrets(session)),
    );
  secret
    .command("versions <path>")
    .description("list the versions of a secret: in use, still good, ended")
    .action((path) =>
      work(async (session) => (await import("./commands/secret.ts")).listVersions(session, path)),
    );
  secret
    .command("retire <path>")
    .description("end the former version of a secret at once")
    .option("--version <number>", "end this one; the newest, and the former is in use again", count)
    .action((path, options) =>
      work(async (session) =>
        (await import("./commands/secret.ts")).retireSecret(session, path, options),
      ),
    );
  secret
    .command("delete <path>")
    .description("end a secret at once, and destroy its values")
    .action((path) =>
      work(async (session) => (await import("./commands/secret.ts")).deleteSecret(session, path)),
    );
};

function count(text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number)) return number;
  throw new InvalidArgumentError("It must be a number from 0.");
}
