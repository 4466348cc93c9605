import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { forgetTokens, noteToken, type TokenIds } from "../custody/step-tokens.ts";
import type { Recorded } from "../state/event.ts";

/** Ids of the tokens that this process has given out, until their attempt ends. */
export class IssuedTokens {
  readonly #ids: TokenIds = new Map();

  get ids(): TokenIds {
    return this.#ids;
  }

  add(attempt: AttemptKey, id: string): void {
    noteToken(this.#ids, attempt, id);
  }

  onEvents(recorded: readonly Recorded[]): void {
    for (const it of recorded) forgetTokens(this.#ids, it);
  }
}
