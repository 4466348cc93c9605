import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";

/** Calls that are out, so that it can be broken off when what it was for is over. */
export class CallsOut {
  readonly #calls = new Set<CallOut>();

  /** `signal` aborts when the caller hangs up, or when the call is broken off. */
  enter(
    attempt: AttemptKey,
    node: string,
    gone: AbortSignal,
  ): { readonly signal: AbortSignal; readonly leave: () => void } {
    const controller = new AbortController();
    const hangUp = () => controller.abort(gone.reason);
    gone.addEventListener("abort", hangUp);
    if (gone.aborted) hangUp();
    const call = { attempt, node, controller };
    this.#calls.add(call);
    const leave = () => {
      gone.removeEventListener("abort", hangUp);
      this.#calls.delete(call);
    };
    return { signal: controller.signal, leave };
  }

  /** Of the attempts that do not go on, there. */
  breakOff(isLive: (attempt: AttemptKey, node: string) => boolean): void {
    for (const { attempt, node, controller } of this.#calls) {
      if (!isLive(attempt, node)) controller.abort(over());
    }
  }
}

interface CallOut {
  readonly attempt: AttemptKey;
  readonly node: string;
  readonly controller: AbortController;
}

function over(): Error {
  return refuse("CALL_CANCELLED", "the attempt that the call was for has ended");
}
