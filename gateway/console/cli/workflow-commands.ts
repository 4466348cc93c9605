import { type Command, Option } from "commander";
import type { AddCommands } from "./program.ts";

/** `cohort workflow ...`: what concerns definitions, not runs. */
export const addWorkflowCommands: AddCommands = (program, work) => {
  const workflow = program
    .command("workflow")
    .description("check, draw and look back at workflows; `apply` changes them");
  const files = (command: Command) =>
    command.requiredOption("-f, --filename <path...>", "YAML files, or folders of them");
  files(workflow.command("validate"))
    .description(
      "check files as apply does, and change nothing; what they refer to is looked up at the coordinator",
    )
    .action((options) =>
      work(async (session) => (await import("./commands/workflow.ts")).validate(session, options)),
    );
  workflow
    .command("graph [name[@version]]")
    .description(`draw the steps and what each waits for; ${whichVersion}`)
    .option("-f, --filename <path...>", "a workflow in files instead of one that was applied")
    .addOption(
      new Option("--format <format>", "for a terminal, or for pages that know Mermaid")
        .choices(["text", "mermaid"])
        .default("text"),
    )
    .action((name, options) =>
      work(async (session) => (await import("./commands/graph.ts")).graph(session, name, options)),
    );
  workflow
    .command("history <name>")
    .description("list its versions, when each was applied and by whom")
    .action((name) =>
      work(async (session) => (await import("./commands/workflow.ts")).history(session, name)),
    );
  workflow
    .command("show <name[@version]>")
    .description(`print it as YAML, which apply takes; ${whichVersion}`)
    .action((name) =>
      work(async (session) => (await import("./commands/workflow.ts")).show(session, name)),
    );
  workflow
    .command("rollback <name>")
    .description("apply an earlier version again, checked against what stands now")
    .option(
      "--to <version>",
      "the version, or its first characters; left out, the one before the current one",
    )
    .action((name, options) =>
      work(async (session) =>
        (await import("./commands/workflow.ts")).rollback(session, name, options),
      ),
    );
};

const whichVersion = "of a version, the first characters are enough";
