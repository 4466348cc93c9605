import type { Cordon, Node } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { parseDuration } from "@cohort/proto/quantity";
import { formatMoment } from "../moments.ts";
import type { Session } from "../session.ts";
import { nodeView } from "../views.ts";
import { watchDrain } from "./watch.ts";

/** Gives the node no new work. What was asked for is the result, whether it was so already or not. */
export async function cordonNode(
  session: Session,
  node: string,
  { reason }: { readonly reason: string },
): Promise<number> {
  const console = await session.console();
  const { changed } = await console.call(console.nodes, console.nodes.cordon, { node, reason });
  session.output.result({ node, changed }, () =>
    changed ? `${node} is given no new work` : `${node} was cordoned already`,
  );
  return 0;
}

export async function uncordonNode(session: Session, node: string): Promise<number> {
  const console = await session.console();
  const { changed } = await console.call(console.nodes, console.nodes.uncordon, { node });
  session.output.result({ node, changed }, () =>
    changed ? `${node} is given work again` : `${node} was not cordoned`,
  );
  return 0;
}

/** How many attempts the node is given at once; `all` for as many as it has. */
export async function setSlots(
  session: Session,
  node: string,
  options: { readonly slots: string },
): Promise<number> {
  const slots = options.slots === "all" ? 0 : Number(options.slots);
  if (!Number.isInteger(slots) || (slots === 0 && options.slots !== "all") || slots < 0) {
    throw refuse("USAGE", `${options.slots} is no number of slots`, {
      hint: `Give 1 or more, or all; to give it nothing: cohort node cordon ${node}`,
    });
  }
  const console = await session.console();
  const { changed } = await console.call(console.nodes, console.nodes.setSlots, { node, slots });
  const most =
    slots === 0 ? "as many attempts as it has slots" : `${slots} attempts at once at most`;
  session.output.result({ node, changed }, () => `${node} is given ${most}`);
  return 0;
}

/** Stays until nothing runs on the node; the drain goes on without us. */
export async function drainNode(
  session: Session,
  node: string,
  options: { readonly reason: string; readonly deadline: string },
): Promise<number> {
  const { output } = session;
  const deadlineMs = parseDuration(options.deadline);
  if (deadlineMs === null) throw refuse("USAGE", `${options.deadline} is no duration such as 5m`);
  const console = await session.console();
  const request = { node, reason: options.reason, deadlineMs };
  await console.call(console.nodes, console.nodes.drain, request);
  let last: Node | null = null;
  for await (const it of watchDrain(console, node, (text) => output.progress(text))) {
    last = it;
    if (it.running > 0) output.progress(progressOf(it));
  }
  if (last?.cordon === undefined) {
    throw refuse("NODE_UNCORDONED", `${node} was uncordoned before it was drained`, {
      hint: `Drain it again: cohort node drain ${node}`,
    });
  }
  const drained = nodeView(last);
  output.result(drained, () => `${node} is drained: nothing runs there`);
  return 0;
}

function progressOf({ node, state, running, cordon }: Node): string {
  const until = formatMoment(cordon?.drainByMs ?? 0);
  const away = state === "connected" ? "" : `, and it is ${state}`;
  return `${node} still runs ${running}, until ${until} at most${away}`;
}

/** "-" for a node that is given work. */
export function describeCordon(cordon: Cordon | undefined): string {
  if (cordon === undefined) return "-";
  const { drainByMs, drainedMs, reason } = cordon;
  const draining = drainedMs > 0 ? "drained" : `draining until ${formatMoment(drainByMs)}`;
  const state = drainByMs === 0 ? "cordoned" : draining;
  return reason === "" ? state : `${state}: ${reason}`;
}
