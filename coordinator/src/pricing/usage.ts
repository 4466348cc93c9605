import type { Tokens } from "./rates.ts";
import type { Reported } from "./shapes/shape.ts";

/**
 * What an answer has told of its tokens so far. Each count is a total, so that the greatest that was
 * told holds: one that is told twice is not counted twice, and none can be taken back. A count that
 * is none makes the usage unknown for good.
 */
export class UsageSum {
  model = "";
  tier: unknown = undefined;
  #isBroken = false;
  readonly #counts = new Map<"input" | "cacheRead" | "cacheWrite" | "output", number>();

  get isKnown(): boolean {
    return this.tokens !== null;
  }

  /** Null until input and output are known. */
  get tokens(): Tokens | null {
    const input = this.#counts.get("input");
    const output = this.#counts.get("output");
    if (this.#isBroken || input === undefined || output === undefined) return null;
    const cacheRead = this.#counts.get("cacheRead") ?? 0;
    const cacheWrite = this.#counts.get("cacheWrite") ?? 0;
    return cacheRead + cacheWrite > input ? null : { input, cacheRead, cacheWrite, output };
  }

  add(reported: Reported): void {
    for (const key of ["input", "cacheRead", "cacheWrite", "output"] as const) {
      const count = reported[key];
      if (count === undefined || count === null) continue;
      if (Number.isSafeInteger(count) && (count as number) >= 0) {
        this.#counts.set(key, Math.max(this.#counts.get(key) ?? 0, count as number));
      } else {
        this.#isBroken = true;
      }
    }
    if (typeof reported.model === "string" && reported.model !== "") {
      this.model = reported.model.slice(0, modelLengthMax);
    }
    if (reported.tier !== undefined && reported.tier !== null) this.tier = reported.tier;
  }
}

const modelLengthMax = 200;
