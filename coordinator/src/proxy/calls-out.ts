import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { type Problem, refuse } from "@cohort/proto/problem";

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

  /** Those that would not be admitted any more, for the reason that `barrier` gives. */
  breakOff(barrier: (attempt: AttemptKey, node: string) => Problem | null): void {
    for (const { attempt, node, controller } of this.#calls) {
      const why = barrier(attempt, node);
      if (why !== null) controller.abort(over(why));
    }
  }
}

interface CallOut {
  readonly attempt: AttemptKey;
  readonly node: string;
  readonly controller: AbortController;
}

function over({ code, message }: Problem): Error {
  if (code === "TOKEN_REVOKED")
    return refuse("CALL_CANCELLED", `${message} while the call was out`);
  return refuse("CALL_CANCELLED", "the attempt that the call was for has ended");
}
