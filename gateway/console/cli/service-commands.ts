import type { AddCommands } from "./program.ts";

/** `cohort service ...`: services that were applied, and those that come with Cohort. */
export const addServiceCommands: AddCommands = (program, work) => {
  const service = program
    .command("service")
    .description("look at services that steps may call; `apply` changes them");
  service
    .command("list")
    .description("list what was applied, or well-known services that a definition may extend")
    .option("--catalogue", "those that come with Cohort", false)
    .action(({ catalogue }) =>
      work(async (session) => {
        const { listCatalogue, listServices } = await import("./commands/service.ts");
        return catalogue ? listCatalogue(session) : listServices(session);
      }),
    );
  service
    .command("show <name[@version]>")
    .description("print one as YAML, which apply takes; of the catalogue as catalogue/NAME")
    .action((name) =>
      work(async (session) => (await import("./commands/service.ts")).showService(session, name)),
    );
};
