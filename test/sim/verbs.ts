import { decideCancel } from "../../coordinator/src/scheduler/decide-cancel.ts";
import { decidePause, decideResume } from "../../coordinator/src/scheduler/decide-pause.ts";
import type { Run } from "../../coordinator/src/scheduler/runs.ts";
import type { Decision } from "../../coordinator/src/state/decision.ts";
import type { State } from "../../coordinator/src/state/state.ts";
import type { CoordinatorProcess } from "./coordinator-process.ts";
import type { Random } from "./random.ts";

/** Sends a command of an operator, whatever comes of it. */
export type Ask = (
  coordinator: CoordinatorProcess,
  command: (state: State) => Decision<unknown>,
) => void;

const actor = "operator";

/** What operators do to runs, whatever state those are in. */
export class Verbs {
  readonly #random: Random;
  readonly #ask: Ask;

  constructor(random: Random, ask: Ask) {
    this.#random = random;
    this.#ask = ask;
  }

  /** `wishing`: whether they still interfere; if not, they let go on what they hold back. */
  act(coordinator: CoordinatorProcess, wishing: boolean): void {
    const active = [...coordinator.state.runs.active.values()];
    for (const { run, pause } of active) {
      if (pause !== null && (!wishing || this.#random.chance(0.02))) {
        this.#ask(coordinator, ({ runs }) => decideResume(runs, { run, actor }));
      }
    }
    if (!wishing || !this.#random.chance(0.06)) return;
    const chosen = this.#random.pick([...coordinator.state.runs.byId.values(), null]);
    if (chosen !== null) this.#ask(coordinator, this.#command(chosen));
  }

  #command({ run }: Run): (state: State) => Decision<unknown> {
    const verb = this.#random.pick(["cancel", "pause", "pause", "resume"] as const);
    const hard = this.#random.chance(0.3);
    switch (verb) {
      case "cancel":
        return ({ runs }) => decideCancel(runs, { run, hard, actor });
      case "pause":
        return ({ runs }) => decidePause(runs, { run, reason: "to be looked at", actor });
      case "resume":
        return ({ runs }) => decideResume(runs, { run, actor });
    }
  }
}
