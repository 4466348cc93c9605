import { InvalidArgumentError } from "commander";
import type { AddCommands } from "./program.ts";

/** `cohort agent ...`: versions of the node agent, and their way to the nodes. */
export const addAgentCommands: AddCommands = (program, work) => {
  const agent = program
    .command("agent")
    .description("sign and publish versions of the node agent, and roll them out");
  agent
    .command("keygen")
    .description("make a release key, which stays with whoever builds the agent")
    .requiredOption("--out <file>", "where the secret key is written; its public half is printed")
    .action((options) =>
      work(async (session) => (await import("./commands/release.ts")).keygen(session, options)),
    );
  agent
    .command("sign <file...>")
    .description("sign binaries of the agent: writes FILE.release beside each")
    .requiredOption("--key <file>", "the release key")
    .option(
      "--floor <version>",
      "nodes that ran this version take none below that one any more",
      "",
    )
    .action((files, options) =>
      work(async (session) =>
        (await import("./commands/release.ts")).sign(session, files, options),
      ),
    );
  agent
    .command("trust <public-key>")
    .description("have nodes take releases that are signed with this key, and no others")
    .option("--signed-by <file>", "the release key that is trusted so far, to sign its successor")
    .action((key, options) =>
      work(async (session) => (await import("./commands/release.ts")).trust(session, key, options)),
    );
  agent
    .command("publish <file...>")
    .description("give the mesh signed binaries, one an architecture")
    .action((files) =>
      work(async (session) => (await import("./commands/release.ts")).publish(session, files)),
    );
  agent
    .command("releases")
    .description("list the versions that are published, and the key that must have signed")
    .action(() =>
      work(async (session) => (await import("./commands/release.ts")).listReleases(session)),
    );
  agent
    .command("remove <version>")
    .description("take a version out of the mesh; nodes that run it go on")
    .action((version) =>
      work(async (session) =>
        (await import("./commands/release.ts")).removeRelease(session, version),
      ),
    );
  addRolloutCommands(agent, work);
};

const addRolloutCommands: AddCommands = (agent, work) => {
  const rollout = agent
    .command("rollout")
    .description("bring a published version to nodes, a few first, and back where it fails")
    .option("--to <version>", "the version")
    .option("--select <expression>", "only nodes that it fits, as 'node.labels.line == \"3\"'", "")
    .option("--canary <count>", "so many must be well before the others follow", count, 1)
    .option("--max-failures <count>", "stop when so many have failed", count, 1)
    .option("--max-concurrent <count>", "so many at once", count, 10)
    .option("--confirm-within <duration>", "what a new version has to be greeted", "2m")
    .option("--while-running", "do not wait for steps that run there; they are interrupted", false)
    .option("--downgrade", "nodes that run a later version, too", false)
    .action((options) =>
      work(async (session) => (await import("./commands/rollout.ts")).rollout(session, options)),
    );
  rollout
    .command("status")
    .description("show the latest rollout, and every node that it is about")
    .action(() =>
      work(async (session) => (await import("./commands/rollout.ts")).rolloutStatus(session)),
    );
  const changes = [
    ["pause", "let no further node begin; those that were told go on to their end"],
    ["resume", "go on, and count failures anew"],
    ["abort", "end it; nodes that were told go on to their end, others stay as they are"],
  ] as const;
  for (const [name, description] of changes) {
    rollout
      .command(name)
      .description(description)
      .option("--reason <text>", "why, for those who read its status and the ledger", "")
      .action((options) =>
        work(async (session) =>
          (await import("./commands/rollout.ts")).changeRollout(session, name, options),
        ),
      );
  }
};

function count(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a number.");
}
