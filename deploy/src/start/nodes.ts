import { join } from "node:path";
import type { ConsoleClient } from "@cohort/gateway/src/console-client/console-client.ts";
import { refuse } from "@cohort/proto/problem";
import { agentPath } from "../../setup/agent.mjs";
import { command } from "../../setup/command.mjs";
import type { Paths } from "../../setup/paths.mjs";
import type { ChildSpec } from "../supervisor/child.ts";

/** The boards of the factory, all of them processes of this machine. */
const boards = [
  { name: "press-01", labels: { role: "press", line: "line1", press: "p1", position: "front" } },
  { name: "press-02", labels: { role: "press", line: "line1", press: "p1", position: "rear" } },
  { name: "gateway-box-01", labels: { role: "gateway-box", line: "line1" } },
] as const;

/** Lets every board that is not enrolled yet join with a token of its own. Gives how many did. */
export async function enrolNodes(
  client: ConsoleClient,
  paths: Paths,
  signal: AbortSignal,
): Promise<number> {
  const { nodes } = client;
  const known = await client.call(nodes, nodes.list, {});
  const enrolled = new Set(known.nodes.filter((it) => it.state !== "invited").map((it) => it.node));
  const missing = boards.filter((board) => !enrolled.has(board.name));
  await Promise.all(
    missing.map(async ({ name, labels }) => {
      const { joinToken } = await client.call(nodes, nodes.invite, { name, labels });
      await command([agentPath(), "join", "--data", paths.nodeData(name)], {
        // Not on the command line, which every user of this machine can read.
        environment: { COHORT_JOIN_TOKEN: joinToken },
        what: `${name} could not join`,
        remedy: `Read ${join(paths.logs, "coordinator.log")}; \`cohort doctor\` checks this machine.`,
        signal,
      });
    }),
  );
  return missing.length;
}

export function nodeSpecs(paths: Paths): ChildSpec[] {
  return boards.map(({ name }) => ({
    name,
    argv: [agentPath(), "run", "--data", paths.nodeData(name)],
    readyMs: 10_000,
    stopMs: 10_000,
  }));
}

const connectMs = 15_000;
const pollMs = 25;

/** Resolves when the coordinator counts every board as connected. Throws SETUP_FAILED. */
export async function awaitNodes(client: ConsoleClient, signal: AbortSignal): Promise<void> {
  const { nodes } = client;
  const deadline = Date.now() + connectMs;
  for (;;) {
    const reply = await client.call(nodes, nodes.list, {});
    const states = new Map(reply.nodes.map((it) => [it.node, it.state]));
    const absent = boards.filter((board) => states.get(board.name) !== "connected");
    if (absent.length === 0) return;
    if (Date.now() > deadline) {
      const names = absent.map((board) => board.name);
      throw refuse("SETUP_FAILED", `${names.join(", ")} did not connect`, {
        hint: `Read .cohort/log/${names[0]}.log and .cohort/log/coordinator.log.`,
      });
    }
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
