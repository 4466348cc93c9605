import { createHash } from "node:crypto";
import { formerRun } from "../../coordinator/src/history/history.ts";
import { decideApproval } from "../../coordinator/src/scheduler/decide-approval.ts";
import { decidePublished } from "../../coordinator/src/scheduler/decide-published.ts";
import { keyOf } from "../../coordinator/src/scheduler/runs.ts";
import type { Decision } from "../../coordinator/src/state/decision.ts";
import type { State } from "../../coordinator/src/state/state.ts";
import type { CoordinatorProcess } from "./coordinator-process.ts";
import type { Random } from "./random.ts";

type Command = (state: State, nowMs: number) => Decision<void>;

/**
 * Those whom steps ask: people who decide, two at times and not the same way; gateways whose broker
 * takes a message or refuses it, and that say so twice at times.
 */
export function answerSteps(
  random: Random,
  coordinator: CoordinatorProcess,
  decide: (command: Command) => void,
): void {
  const { asked, publications } = coordinator.writer.state.runs;
  if (asked.size > 0 && random.chance(0.1)) {
    const attempt = keyOf(random.pick([...asked.keys()]));
    const parts = {
      hash: (text: string) => createHash("sha256").update(text).digest(),
      former: (run: string) => formerRun(coordinator.log.history, run),
    };
    for (let people = random.integer(1, 2); people > 0; people--) {
      const approve = random.chance(0.7);
      const request = { attempt, approve, comment: "", actor: "operator", role } as const;
      decide((state, nowMs) => decideApproval(state.runs, request, nowMs, parts));
    }
  }
  if (publications.size > 0 && random.chance(0.2)) {
    const [message] = random.pick([...publications.values()]);
    if (message?.attempt === undefined) return;
    const { attempt, channel } = message;
    const refusal = random.chance(0.2) ? "not authorized" : "";
    for (let times = random.integer(1, 2); times > 0; times--) {
      const published = { attempt, channel, gateway: "gateway", refusal };
      decide((state) => decidePublished(state.runs, published));
    }
  }
}

const role = "operator";
