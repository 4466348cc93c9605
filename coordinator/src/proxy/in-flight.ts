import { refuse } from "@cohort/proto/problem";
import { proxyLimits } from "./limits.ts";

/** Calls that are out, so that neither one node nor all of them can fill the memory. */
export interface InFlight {
  /** Takes a place, which the returned function gives back. Throws LIMIT_EXCEEDED. */
  enter(node: string): () => void;
}

export function createInFlight(): InFlight {
  const byNode = new Map<string, number>();
  let total = 0;
  return {
    enter(node) {
      const own = byNode.get(node) ?? 0;
      if (total >= proxyLimits.callsMax || own >= proxyLimits.callsPerNodeMax) {
        throw refuse("LIMIT_EXCEEDED", "too many calls are out at once", {
          hint: "wait for one of them to end",
        });
      }
      total += 1;
      byNode.set(node, own + 1);
      return () => {
        total -= 1;
        const left = (byNode.get(node) ?? 1) - 1;
        if (left === 0) byNode.delete(node);
        else byNode.set(node, left);
      };
    },
  };
}
