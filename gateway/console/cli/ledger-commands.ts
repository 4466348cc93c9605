import type { AddCommands } from "./program.ts";

/** `cohort ledger ...`: what happened, and that nobody changed it since. */
export const addLedgerCommands: AddCommands = (program, work) => {
  const ledger = program.command("ledger").description("prove what happened");
  ledger
    .command("verify")
    .description("check every entry against the signed checkpoint; 4 when one does not fit")
    .option("--export <file>", "verify this export, without the coordinator")
    .option("--key <verifier-key>", "the key that must have signed")
    .option("--proof <file>", "verify what `cohort ledger prove` wrote, without the coordinator")
    .option("--since <file>", "the checkpoint since which such a proof says that the ledger grew")
    .option("--keys <file>", "the keys that lead on from --key (`cohort ledger keys`)")
    .option(
      "--witnessed <file...>",
      "what nodes saw (`cohort-agent witness`): each must be part of it",
    )
    .action((options) =>
      work(async (session) =>
        (await import("./commands/ledger.ts")).verifyLedgerCommand(session, options),
      ),
    );
  ledger
    .command("export")
    .description("write every entry with the checkpoint that covers it, as lines of JSON")
    .option("-O, --file <file>", "to this file instead of stdout")
    .action((options) =>
      work(async (session) =>
        (await import("./commands/ledger.ts")).exportLedgerCommand(session, options),
      ),
    );
  ledger
    .command("checkpoint")
    .description(
      "print the newest signed checkpoint: keep it, and what comes later is held against it",
    )
    .option("-O, --file <file>", "to this file instead of stdout")
    .action((options) =>
      work(async (session) =>
        (await import("./commands/ledger-prove.ts")).checkpointCommand(session, options),
      ),
    );
  ledger
    .command("prove [entry]")
    .description("prove that an entry, or each of a RUN or RUN/STEP, is in the ledger")
    .option("--since <file>", "prove instead that the ledger has only grown since this checkpoint")
    .option("-O, --file <path>", "to this file instead of stdout; for a run, to this folder")
    .action((entry, options) =>
      work(async (session) =>
        (await import("./commands/ledger-prove.ts")).proveCommand(session, entry, options),
      ),
    );
  ledger
    .command("tiles <folder>")
    .description("write all hashes and the checkpoint as https://c2sp.org/tlog-tiles has them")
    .action((folder) =>
      work(async (session) =>
        (await import("./commands/ledger-tiles.ts")).tilesCommand(session, folder),
      ),
    );
  ledger
    .command("keys")
    .description("print all keys that signed the ledger, each signed by the one before")
    .option("-O, --file <file>", "to this file instead of stdout, for --keys")
    .action((options) =>
      work(async (session) =>
        (await import("./commands/ledger-keys.ts")).keysCommand(session, options),
      ),
    );
  ledger
    .command("rotate-key")
    .description("have another key sign the ledger from now on, itself signed by the present one")
    .action(() =>
      work(async (session) => (await import("./commands/ledger-keys.ts")).rotateKey(session)),
    );
  ledger
    .command("retention")
    .description("how long payloads of the ledger are kept, and how many were dropped")
    .action(() =>
      work(async (session) =>
        (await import("./commands/ledger-retention.ts")).retentionCommand(session),
      ),
    );
  ledger
    .command("witnesses")
    .description("what each node saw of the ledger last; 4 when one of them disputes it")
    .action(() =>
      work(async (session) => (await import("./commands/ledger-witnesses.ts")).witnesses(session)),
    );
  ledger
    .command("settle [node...]")
    .description("end disputes whose cause is known, such as a backup that was restored")
    .requiredOption("--reason <text>", "why, for those who read the ledger")
    .option("--all", "of every node that disputes it", false)
    .action((nodes, options) =>
      work(async (session) =>
        (await import("./commands/ledger-witnesses.ts")).settle(session, nodes, options),
      ),
    );
};
