import { type FleetNode, isAvailable } from "../fleet/fleet.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { candidatesFor } from "./candidates.ts";
import { neededOf } from "./outcome.ts";
import { isOwn, placementOf } from "./placement.ts";
import { hasRoom } from "./room.ts";
import type { Run } from "./runs.ts";
import type { Schedule } from "./schedule.ts";

/** Nodes by instance, "" for any that fits; null while too few fit, in which case the step waits. */
export function plannedNodes(
  { fleet, runs }: Schedule,
  run: Run,
  step: CompiledStep,
): string[] | null {
  const { nodes } = step.definition;
  if (isOwn(step.kind) || nodes === undefined || nodes.count === 1) return [""];
  const fitting = candidatesFor(fleet, placementOf(step, run) ?? "", () => ({ step, run }))
    .names.map((name) => fleet.nodes.get(name) as FleetNode)
    .filter(isAvailable);
  if (nodes.count === "all") {
    const least = Math.max(1, neededOf(step, fitting.length));
    return fitting.length < least ? null : fitting.map(({ node }) => node);
  }
  if (fitting.length < nodes.count) return null;
  const roomy = fitting.filter((node) => hasRoom(node, runs, step.needs));
  const full = fitting.filter((node) => !hasRoom(node, runs, step.needs));
  const ordered = [...roomy, ...full];
  const spread = nodes.spread === undefined ? ordered : spreadOver(nodes.spread, ordered);
  return spread.slice(0, nodes.count).map(({ node }) => node);
}

/** The same nodes, so that those next to one another differ in the label as long as any do. */
function spreadOver(label: string, nodes: readonly FleetNode[]): FleetNode[] {
  const byValue = new Map<string, FleetNode[]>();
  for (const node of nodes) {
    const value = node.labels[label] ?? "";
    const group = byValue.get(value);
    if (group === undefined) byValue.set(value, [node]);
    else group.push(node);
  }
  const groups = [...byValue.values()];
  const longest = Math.max(0, ...groups.map((group) => group.length));
  return Array.from({ length: longest }, (_, at) =>
    groups.flatMap((group) => group.slice(at, at + 1)),
  ).flat();
}
