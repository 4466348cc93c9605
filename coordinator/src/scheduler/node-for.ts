import type { CompiledStep } from "../workflow/compile.ts";
import { candidatesFor, pickNode } from "./candidates.ts";
import { placementOf } from "./placement.ts";
import { hasRoom } from "./room.ts";
import type { Instance, Run } from "./runs.ts";
import type { Schedule } from "./schedule.ts";

/**
 * A node with room for an instance, null for that of a step that is not planned yet: "" for the
 * coordinator itself, null when there is none. Where others wait too, nodes in `freed`, which have just
 * got room, are left out: they choose among all.
 */
export function nodeFor(
  { fleet, runs }: Schedule,
  run: Run,
  step: CompiledStep,
  instance: Instance | null,
  freed: ReadonlySet<string>,
): string | null {
  const placement = placementOf(step, run);
  if (placement === null) return "";
  const pending = runs.queues.waiting > 1 ? freed : none;
  const pinned = instance?.pinned ?? "";
  if (pinned !== "") {
    const fits = hasRoom(fleet.nodes.get(pinned), runs, step.needs, instance);
    return fits && !pending.has(pinned) ? pinned : null;
  }
  const candidates = candidatesFor(fleet, placement, () => ({ step, run }));
  return pickNode(fleet, runs, candidates, { step, instance, pending })?.node ?? null;
}

const none: ReadonlySet<string> = new Set();
