import { addDeviceCommands } from "./device-commands.ts";
import type { AddCommands } from "./program.ts";

export const addNodeCommands: AddCommands = (program, work) => {
  program
    .command("nodes")
    .description("list the nodes")
    .action(() => work(async (session) => (await import("./commands/node.ts")).listNodes(session)));
  const node = program.command("node").description("add nodes, and take them out of service");
  addDeviceCommands(node, work);
  node
    .command("list")
    .description("list the nodes, as `cohort nodes` does")
    .action(() => work(async (session) => (await import("./commands/node.ts")).listNodes(session)));
  node
    .command("show <name>")
    .description("show what is known of a node: its labels, its machine, its agent")
    .action((name) =>
      work(async (session) => (await import("./commands/node.ts")).showNode(session, name)),
    );
  node
    .command("label <name> <changes...>")
    .usage("<name> <label=value | label->...")
    .description("set labels of a node, and remove those that end with -")
    .action((name, changes) =>
      work(async (session) =>
        (await import("./commands/node.ts")).labelNode(session, name, changes),
      ),
    );
  node
    .command("invite")
    .description("print the line that makes a board a node; it works once, within 15 minutes")
    .requiredOption("--name <name>", "the node's name, a lower-case DNS label")
    .option("--label <key=value...>", "labels that steps can select", [])
    .option("--data <folder>", "where the board keeps the agent's data", "/var/lib/cohort")
    .action((options) =>
      work(async (session) => (await import("./commands/node.ts")).inviteNode(session, options)),
    );
  node
    .command("rotate <name>")
    .description("have a node replace its keys; the former ones are good for ten minutes more")
    .action((name) =>
      work(async (session) => (await import("./commands/identity.ts")).rotateKeys(session, name)),
    );
  node
    .command("revoke <name>")
    .description("take a node out of the mesh, or an unused invite back")
    .option("--reason <text>", "why, for whoever looks at the nodes", "")
    .action((name, options) =>
      work(async (session) =>
        (await import("./commands/identity.ts")).revokeNode(session, name, options),
      ),
    );
  node
    .command("cordon <name>")
    .description("give a node no new work; what runs there goes on")
    .option("--reason <text>", "why, for whoever looks at the nodes", "")
    .action((name, options) =>
      work(async (session) =>
        (await import("./commands/cordon.ts")).cordonNode(session, name, options),
      ),
    );
  node
    .command("drain <name>")
    .description("give a node no new work, and stay until nothing runs there")
    .option("--deadline <duration>", "what still runs then is ended, to run elsewhere", "5m")
    .option("--reason <text>", "why, for whoever looks at the nodes", "")
    .action((name, options) =>
      work(async (session) =>
        (await import("./commands/cordon.ts")).drainNode(session, name, options),
      ),
    );
  node
    .command("set <name>")
    .description("change what a node is given")
    .requiredOption(
      "--slots <count>",
      "attempts that it is given at once; `all` for as many as it has",
    )
    .action((name, options) =>
      work(async (session) =>
        (await import("./commands/cordon.ts")).setSlots(session, name, options),
      ),
    );
  node
    .command("uncordon <name>")
    .description("give a node work again")
    .action((name) =>
      work(async (session) => (await import("./commands/cordon.ts")).uncordonNode(session, name)),
    );
};
