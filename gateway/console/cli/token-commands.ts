import type { AddCommands } from "./program.ts";

/** `cohort token list` and `revoke`. */
export const addTokenCommands: AddCommands = (program, work) => {
  const token = program
    .command("token")
    .description("see which step tokens live, by their ids, and end them before their time");
  token
    .command("list", { isDefault: true })
    .description("list tokens of steps that go on, the newest first; calls in the ledger name them")
    .option("--run <run>", "only those of this run", "")
    .option("--node <name>", "only those of this node", "")
    .action((options) =>
      work(async (session) => (await import("./commands/token.ts")).listTokens(session, options)),
    );
  token
    .command("revoke <token>")
    .description("let a step make no call any more, with this token or another; it goes on without")
    .option("--reason <text>", "why, for those who read the ledger", "")
    .action((id, options) =>
      work(async (session) =>
        (await import("./commands/token.ts")).revokeToken(session, id, options),
      ),
    );
};
