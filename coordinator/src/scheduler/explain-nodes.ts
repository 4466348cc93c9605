import type { FleetNode } from "../fleet/fleet.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { candidatesFor, mayRunOn } from "./candidates.ts";
import { bytes, cores, type Mismatch, mismatchOf, placementOf } from "./placement.ts";
import { load, nothing } from "./room.ts";
import type { Instance, Run } from "./runs.ts";
import type { Schedule } from "./schedule.ts";

/** Nodes that the same rules out. */
export interface NodeGroup {
  readonly code: NodeReason["code"];
  /** What the step asks for; "" where that is not what counts. */
  readonly wanted: string;
  readonly count: number;
  /** The first of them by name, unless all are asked for. */
  readonly nodes: readonly { readonly node: string; readonly detail: string }[];
}

interface NodeReason {
  readonly code:
    | Mismatch["on"]
    | "not-enrolled"
    | "revoked"
    | "quarantined"
    | "disconnected"
    | "cordoned"
    | "updating"
    | "pinned-elsewhere"
    | "avoided"
    | "kept-free"
    | "slots-full"
    | "memory-full"
    | "cpu-full"
    | "fits";
  readonly wanted: string;
  readonly detail: string;
}

/**
 * Every node of the fleet, grouped by the first thing that keeps the instance from it; null for the
 * step before it has instances. What holds for good is named before what may pass.
 */
export function explainNodes(
  schedule: Schedule,
  run: Run,
  step: CompiledStep,
  instance: Instance | null,
  all: boolean,
): NodeGroup[] {
  const groups = new Map<string, { reason: NodeReason; nodes: [string, string][] }>();
  const nodes = [...schedule.fleet.nodes.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
  for (const node of nodes) {
    const reason = reasonOf(schedule, run, step, instance, node);
    const key = `${reason.code} ${reason.wanted}`;
    const group = groups.get(key) ?? { reason, nodes: [] };
    group.nodes.push([node.node, reason.detail]);
    groups.set(key, group);
  }
  return [...groups.values()]
    .sort((a, b) => b.nodes.length - a.nodes.length)
    .map(({ reason: { code, wanted }, nodes: members }) => ({
      code,
      wanted,
      count: members.length,
      nodes: members
        .slice(0, all ? members.length : examples)
        .map(([node, detail]) => ({ node, detail })),
    }));
}

/** Nodes that are named of a group. */
const examples = 3;

function reasonOf(
  schedule: Schedule,
  run: Run,
  step: CompiledStep,
  instance: Instance | null,
  node: FleetNode,
): NodeReason {
  if (node.state === "invited") return because("not-enrolled", "invited, and never seen");
  if (node.bar !== null) {
    const { code, actor, reason } = node.bar;
    if (code === "NODE_QUARANTINED") return because("quarantined", reason);
    return because("revoked", `by ${actor}${reason === "" ? "" : `: ${reason}`}`);
  }
  const mismatch = mismatchOf(node, step, run);
  if (mismatch !== null)
    return { code: mismatch.on, wanted: mismatch.wanted, detail: mismatch.has };
  const pinned = instance?.pinned ?? "";
  if (pinned !== "" && pinned !== node.node) {
    return { code: "pinned-elsewhere", wanted: pinned, detail: "the instance belongs to another" };
  }
  if (node.state === "disconnected") return because("disconnected", "it is away");
  if (node.cordon !== null) {
    const { actor, reason } = node.cordon;
    return because("cordoned", `by ${actor}${reason === "" ? "" : `: ${reason}`}`);
  }
  if (node.updating) return because("updating", "its agent is being updated");
  return (
    busyReason(schedule, run, step, instance, node.node) ?? because("fits", fitDetail(instance))
  );
}

function busyReason(
  { fleet, runs }: Schedule,
  run: Run,
  step: CompiledStep,
  instance: Instance | null,
  node: string,
): NodeReason | null {
  const { room } = runs;
  const offer = room.offered.get(node);
  const taken = room.taken.get(node) ?? nothing;
  const kept = room.kept.get(node);
  if (instance !== null && instance.avoids === node) {
    const placement = placementOf(step, run) ?? "";
    const specimen = () => ({ step, run });
    const may = mayRunOn(fleet, candidatesFor(fleet, placement, specimen), node, node);
    if (!may) return because("avoided", "retry.move: the attempt before ran there");
  }
  if (offer === undefined || load(runs, node) >= offer.slots) {
    return because("slots-full", `${load(runs, node)} of ${offer?.slots ?? 0} slots are taken`);
  }
  if (kept !== undefined && kept !== instance) {
    return because("kept-free", `kept free for step ${kept.step} of run ${kept.run}`);
  }
  const { memoryBytes, cpuMillis } = step.needs;
  if (taken.memoryBytes + memoryBytes > offer.memoryBytes) {
    const detail = `${bytes(taken.memoryBytes)} of ${bytes(offer.memoryBytes)} are taken`;
    return { code: "memory-full", wanted: bytes(memoryBytes), detail };
  }
  if (taken.cpuMillis + cpuMillis > offer.cpuMillis) {
    const detail = `${cores(taken.cpuMillis)} of ${cores(offer.cpuMillis)} are taken`;
    return { code: "cpu-full", wanted: cores(cpuMillis), detail };
  }
  return null;
}

function fitDetail(instance: Instance | null): string {
  return instance === null
    ? "would be chosen if the step began now"
    : "would be chosen if nothing else held the instance";
}

function because(code: NodeReason["code"], detail: string): NodeReason {
  return { code, wanted: "", detail };
}
