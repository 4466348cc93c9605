import { refuse } from "@cohort/proto/problem";
import { neutralise } from "@cohort/proto/text";
import { formatMoment } from "../moments.ts";
import type { Session } from "../session.ts";
import { nodeView } from "../views.ts";
import { describeCordon } from "./cordon.ts";

/** Every node that was invited or enrolled. */
export async function listNodes(session: Session): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const { nodes } = await console.call(console.nodes, console.nodes.list, {});
  output.result({ nodes: nodes.map(nodeView) }, () =>
    output.table(
      ["NODE", "STATE", "ARCH", "ISOLATION", "RUNNING", "CORDON", "SEEN", "LABELS"],
      nodes.map((it) => [
        it.node,
        output.state(it.state),
        it.facts?.arch ?? "-",
        it.facts?.isolation ?? "-",
        it.slotsMax === 0 ? String(it.running) : `${it.running} (${it.slotsMax} at most)`,
        describeCordon(it.cordon),
        formatMoment(it.seenMs),
        Object.entries(it.labels)
          .map(([key, value]) => `${key}=${value}`)
          .join(" "),
      ]),
    ),
  );
  return 0;
}

/** Prints the join token, and nothing else, on stdout. */
export async function inviteNode(
  session: Session,
  options: { readonly name: string; readonly label: readonly string[] },
): Promise<number> {
  const labels = Object.fromEntries(options.label.map(parseLabel));
  const console = await session.console();
  const request = { name: options.name, labels };
  const reply = await console.call(console.nodes, console.nodes.invite, request);
  session.output.result({ join_token: reply.joinToken, expires_ms: reply.expiresMs }, () =>
    neutralise(reply.joinToken),
  );
  if (session.output.format === "table") {
    session.output.progress(
      `It works once, until ${formatMoment(reply.expiresMs)}. On the board: cohort-agent join TOKEN --data DIR`,
    );
  }
  return 0;
}

function parseLabel(argument: string): [string, string] {
  const at = argument.indexOf("=");
  if (at < 1) throw refuse("USAGE", `${argument} is not key=value`);
  return [argument.slice(0, at), argument.slice(at + 1)];
}
