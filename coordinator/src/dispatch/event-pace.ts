import type { NodeEvent } from "@cohort/proto/gen/cohort/node";
import { meshLimits } from "../mesh/limits.ts";

/** Keeps any one node from taking the disk and the time of the others for what its steps write. */
export interface EventPace {
  /** How long the acknowledgement of these is to wait, in ms. */
  spend(node: string, events: readonly NodeEvent[]): number;
}

/**
 * A bucket a node: what it tells is taken and judged at once, so that a result never waits behind
 * output, and acknowledged when it has kept to its rate. An agent sends one batch at a time, and holds
 * in its journal what it has yet to send; one that does not wait finds its requests refused, since
 * few of them may be out at once (requestBounds).
 */
export function createEventPace(now: () => number): EventPace {
  const buckets = new Map<string, { bytes: number; atMs: number }>();
  const { eventBytesPerSecondMax: rate, eventBurstBytesMax: burst } = meshLimits;
  return {
    spend(node, events) {
      const atMs = now();
      const before = buckets.get(node) ?? { bytes: 0, atMs };
      // A clock that is set back gives nothing, and takes nothing.
      const drained = (Math.max(0, atMs - before.atMs) / 1000) * rate;
      const bytes = Math.max(0, before.bytes - drained) + events.reduce(sumOfCosts, 0);
      buckets.set(node, { bytes, atMs });
      return (Math.max(0, bytes - burst) / rate) * 1000;
    },
  };
}

function sumOfCosts(sum: number, { event }: NodeEvent): number {
  const { eventCostBytesMin, actuationCostBytes } = meshLimits;
  switch (event?.$case) {
    case "log":
      return sum + Math.max(eventCostBytesMin, event.value.data.length);
    case "finished":
      return sum + Math.max(eventCostBytesMin, event.value.outputJson.length);
    case "actuated":
      return sum + actuationCostBytes;
    default:
      return sum + eventCostBytesMin;
  }
}
