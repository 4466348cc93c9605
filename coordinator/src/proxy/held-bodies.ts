import { refuse } from "@cohort/proto/problem";
import { proxyLimits } from "./limits.ts";

/** Of bodies that must be whole before they are sent: what one call holds of them in memory. */
export interface HeldBody {
  /** Throws LIMIT_EXCEEDED where the node, or all nodes together, would hold too much. */
  take(bytes: number): void;
  release(): void;
}

/** Counts them, so that a few nodes with large bodies cannot fill the coordinator's memory. */
export class HeldBodies {
  #total = 0;
  readonly #byNode = new Map<string, number>();

  of(node: string): HeldBody {
    let held = 0;
    return {
      take: (bytes) => {
        this.#add(node, bytes);
        held += bytes;
      },
      release: () => {
        this.#remove(node, held);
        held = 0;
      },
    };
  }

  #add(node: string, bytes: number): void {
    const own = (this.#byNode.get(node) ?? 0) + bytes;
    const { heldBytesMax, heldBytesPerNodeMax } = proxyLimits;
    if (own > heldBytesPerNodeMax || this.#total + bytes > heldBytesMax) {
      throw refuse("LIMIT_EXCEEDED", "too much is held of bodies that must be whole to be sent", {
        hint: "wait for a call to end, or send less at once",
      });
    }
    this.#byNode.set(node, own);
    this.#total += bytes;
  }

  #remove(node: string, bytes: number): void {
    this.#total -= bytes;
    const left = (this.#byNode.get(node) ?? 0) - bytes;
    if (left > 0) this.#byNode.set(node, left);
    else this.#byNode.delete(node);
  }
}
