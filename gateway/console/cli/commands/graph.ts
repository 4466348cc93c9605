import { graphText } from "../graph/graph-text.ts";
import { mermaid } from "../graph/mermaid.ts";
import type { Session } from "../session.ts";
import { graphView } from "../views.ts";
import { readSources } from "./sources.ts";
import { parseVersioned } from "./workflow.ts";

export interface GraphOptions {
  readonly filename?: readonly string[];
  readonly format: "text" | "mermaid";
}

/** Draws the steps of a workflow that was applied, or that files hold. */
export async function graph(
  session: Session,
  named = "",
  { filename, format }: GraphOptions,
): Promise<number> {
  const { output, terminal } = session;
  const files = filename === undefined ? [] : readSources(filename, terminal.directory);
  const console = await session.console();
  const { name, version } = parseVersioned(named);
  const request = { workflow: name, version, files };
  const reply = await console.call(console.resources, console.resources.graph, request);
  output.result(graphView(reply), () => (format === "mermaid" ? mermaid(reply) : graphText(reply)));
  return 0;
}
