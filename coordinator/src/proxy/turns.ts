import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { type CohortError, refuse } from "@cohort/proto/problem";
import type { Service } from "@cohort/proto/resources/service";
import { proxyLimits } from "./limits.ts";
import { createRates, type Wanted } from "./rates.ts";

/** Keeps calls to the rates and the concurrency that their services have. */
export interface Turns {
  /**
   * Waits a short time for the call's turn, and takes a place that the returned function gives back.
   * Throws RATE_EXCEEDED, with the time to wait in its hint, where that would take too long.
   */
  enter(service: Service, attempt: AttemptKey): Promise<() => void>;
}

export interface Clock {
  readonly nowMs: () => number;
  /** Ends early where the signal aborts; never rejects. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export function createTurns({ nowMs, sleep }: Clock): Turns {
  const rates = createRates(proxyLimits.ratesSweptAt);
  const places = new Map<string, Places>();

  const takeRate = async (service: Service, attempt: AttemptKey): Promise<void> => {
    const wanted = wantedBy(service, attempt);
    if (wanted.length === 0) return;
    const waitMs = rates.waitMs(wanted, nowMs());
    if (waitMs > proxyLimits.turnMsMax) throw exceeded(service.name, waitMs);
    rates.take(wanted, nowMs());
    if (waitMs > 0) await sleep(Math.ceil(waitMs), new AbortController().signal);
  };
  const takePlace = async ({ name, limits }: Service): Promise<() => void> => {
    const most = limits.concurrency;
    if (most === undefined) return () => {};
    const own = places.get(name) ?? new Places();
    places.set(name, own);
    if (!(await own.enter(most, sleep))) throw exceeded(name, proxyLimits.turnMsMax);
    return () => {
      own.leave();
      if (own.idle) places.delete(name);
    };
  };
  return {
    async enter(service, attempt) {
      await takeRate(service, attempt);
      return takePlace(service);
    },
  };
}

function wantedBy({ name, limits }: Service, attempt: AttemptKey): Wanted[] {
  const { rate, step_rate: stepRate } = limits;
  const { run, step, instance } = attempt;
  return [
    ...(rate === undefined ? [] : [{ key: name, calls: rate.calls, perMs: rate.per }]),
    ...(stepRate === undefined
      ? []
      : [
          {
            key: JSON.stringify([name, run, step, instance]),
            calls: stepRate.calls,
            perMs: stepRate.per,
          },
        ]),
  ];
}

/** Places of one service, given to those who wait in turn. */
class Places {
  #taken = 0;
  #most = 0;
  readonly #waiting = new Set<AbortController>();

  get idle(): boolean {
    return this.#taken === 0 && this.#waiting.size === 0;
  }

  /** `most` is what the service's definition says now. False when none became free in time. */
  async enter(most: number, sleep: Clock["sleep"]): Promise<boolean> {
    this.#most = most;
    if (this.#taken < most) {
      this.#taken += 1;
      return true;
    }
    if (this.#waiting.size >= proxyLimits.turnsWaitingMax) return false;
    const turn = new AbortController();
    this.#waiting.add(turn);
    await sleep(proxyLimits.turnMsMax, turn.signal);
    return !this.#waiting.delete(turn);
  }

  leave(): void {
    this.#taken -= 1;
    const [next] = this.#waiting;
    if (next === undefined || this.#taken >= this.#most) return;
    this.#waiting.delete(next);
    this.#taken += 1;
    next.abort();
  }
}

function exceeded(service: string, waitMs: number): CohortError {
  const seconds = Math.ceil(waitMs / 1000);
  return refuse("RATE_EXCEEDED", `service ${service} takes no more calls now`, {
    hint: `Try again in ${seconds} s.`,
  });
}
