import type { UncertainCall } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { decideReconcile } from "../../coordinator/src/budget/reconcile.ts";
import { uncertainCalls } from "../../coordinator/src/budget/report.ts";
import { decideTokenRevoked } from "../../coordinator/src/custody/decide-token-revoked.ts";
import { everyAttempt } from "../../coordinator/src/custody/step-tokens.ts";
import { finishedView, type RunHistory } from "../../coordinator/src/history/history.ts";
import { runView } from "../../coordinator/src/history/run-view.ts";
import { decideCancel } from "../../coordinator/src/scheduler/decide-cancel.ts";
import { decidePause, decideResume } from "../../coordinator/src/scheduler/decide-pause.ts";
import { decideRerun } from "../../coordinator/src/scheduler/decide-rerun.ts";
import { decideRetry } from "../../coordinator/src/scheduler/decide-retry.ts";
import { decideSkip } from "../../coordinator/src/scheduler/decide-skip.ts";
import type { FormerRun } from "../../coordinator/src/scheduler/former-run.ts";
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

const all = ["cancel", "pause", "pause", "resume", "skip", "retry", "rerun"] as const;

/** What operators do to runs, whatever state those are in. */
export class Verbs {
  readonly #random: Random;
  /** Apart, so that what is found out of calls changes nothing else that is asked for. */
  readonly #money: Random;
  readonly #thieves: Random;
  readonly #ask: Ask;
  /** Steps of every run that ever went on, by its id. */
  readonly #seen = new Map<string, readonly string[]>();

  constructor(random: Random, ask: Ask) {
    this.#random = random;
    this.#money = random.fork("money");
    this.#thieves = random.fork("thieves");
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
    for (const uncertain of uncertainCalls(coordinator.state.budget)) {
      if (this.#money.chance(0.02)) this.#ask(coordinator, this.#reconciliation(uncertain));
    }
    for (const { ids } of everyAttempt(coordinator.state.stepTokens.known)) {
      const [token = ""] = ids;
      const asked = { token, reason: "", actor, issued: new Map() };
      if (wishing && this.#thieves.chance(0.01)) {
        this.#ask(coordinator, (state) => decideTokenRevoked(state, asked, 0));
      }
    }
    for (const { run, steps } of active) this.#seen.set(run, [...steps.keys()]);
    if (!wishing || !this.#random.chance(0.03)) return;
    const chosen = this.#random.pick([...this.#seen, null]);
    if (chosen !== null) this.#ask(coordinator, this.#command(...chosen, coordinator.log.history));
  }

  /** What the provider billed is at most what was held for it. */
  #reconciliation({ call, heldNanoUsd }: UncertainCall): (state: State) => Decision<unknown> {
    const billed = { nanoUsd: this.#money.integer(0, heldNanoUsd) };
    const actual = this.#money.pick(["hold", "void", billed] as const);
    return ({ budget }) => decideReconcile(budget, { call, actor, reason: "", actual });
  }

  /** Each is asked of what the run was when it was looked at, and may find it changed. */
  #command(
    run: string,
    steps: readonly string[],
    history: RunHistory,
  ): (state: State) => Decision<unknown> {
    const random = this.#random;
    const verb = random.pick(all);
    const hard = random.chance(0.3);
    const step = random.pick(steps);
    const start = { run: random.ulid(), actor, idempotencyKey: `${verb}/${random.ulid()}` };
    const from = random.chance(0.4) ? step : "";
    const latest = random.chance(0.5);
    switch (verb) {
      case "cancel":
        return ({ runs }) => decideCancel(runs, { run, hard, actor });
      case "pause":
        return ({ runs }) => decidePause(runs, { run, reason: "to be looked at", actor });
      case "resume":
        return ({ runs }) => decideResume(runs, { run, actor });
      case "skip": {
        const asked = { run, step, reason: "not needed", actor, role: "operator" as const };
        return (state) => decideSkip(state, asked);
      }
      case "retry":
        return (state) =>
          decideRetry(state, formerRun(state, history, run), { ...start, from }, history);
      case "rerun":
        return (state) =>
          decideRerun(state, formerRun(state, history, run), { ...start, latest }, history);
    }
  }
}

/** As the console finds it: in memory while it goes on, in the table of the finished after that. */
function formerRun(state: State, history: RunHistory, id: string): FormerRun {
  const active = state.runs.active.get(id);
  if (active !== undefined) return runView(state, active);
  const finished = history.find(id);
  if (finished === null) throw refuse("RUN_UNKNOWN", `no run has the id "${id}"`);
  return finishedView(finished);
}
