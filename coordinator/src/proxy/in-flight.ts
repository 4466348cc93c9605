import { type CohortError, refuse } from "@cohort/proto/problem";
import type { Admitted } from "./admit.ts";
import { proxyLimits } from "./limits.ts";
import { type Clock, createTurns } from "./turns.ts";

/** Calls that are out, so that neither one node nor all calls together can fill the memory. */
export interface InFlight {
  /**
   * Takes a place, which the returned function gives back. A node that has none left is refused
   * with LIMIT_EXCEEDED; the coordinator's own calls (`node` "") wait for one, in turn. Whoever has
   * one waits for the service's turn, or is refused with RATE_EXCEEDED.
   */
  enter(call: Entering): Promise<() => void>;
}

export type Entering = Pick<Admitted, "node" | "service" | "attempt">;

export function createInFlight(clock: Clock): InFlight {
  const own = new OwnPlaces();
  const nodes = new NodePlaces();
  const turns = createTurns(clock);
  return {
    async enter({ node, service, attempt }) {
      const leave = node === "" ? await own.enter() : nodes.enter(node);
      try {
        const giveBack = await turns.enter(service, attempt);
        return () => {
          giveBack();
          leave();
        };
      } catch (error) {
        leave();
        throw error;
      }
    },
  };
}

class NodePlaces {
  #total = 0;
  readonly #byNode = new Map<string, number>();

  enter(node: string): () => void {
    const own = this.#byNode.get(node) ?? 0;
    if (this.#total >= proxyLimits.callsMax || own >= proxyLimits.callsPerNodeMax) throw full();
    this.#total += 1;
    this.#byNode.set(node, own + 1);
    return () => this.#leave(node);
  }

  #leave(node: string): void {
    this.#total -= 1;
    const left = (this.#byNode.get(node) ?? 1) - 1;
    if (left === 0) this.#byNode.delete(node);
    else this.#byNode.set(node, left);
  }
}

class OwnPlaces {
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  async enter(): Promise<() => void> {
    if (this.#taken < proxyLimits.ownCallsMax) {
      this.#taken += 1;
    } else {
      if (this.#waiting.length >= proxyLimits.ownCallsWaitingMax) throw full();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return () => this.#leave();
  }

  /** The place goes to whoever waits longest, or becomes free. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken -= 1;
    else next();
  }
}

function full(): CohortError {
  return refuse("LIMIT_EXCEEDED", "too many calls are out at once", {
    hint: "wait for one of them to end",
  });
}
