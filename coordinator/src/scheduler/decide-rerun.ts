import type { Catalogue } from "../catalogue/catalogue.ts";
import type { Decision } from "../state/decision.ts";
import {
  begin,
  inputsFor,
  newestVersion,
  type Started,
  type StartedRuns,
  startedBefore,
} from "./decide-start.ts";
import type { FormerRun } from "./former-run.ts";
import type { Runs } from "./runs.ts";

export interface RerunRequest {
  /** ULID for the run, used when it is new. */
  readonly run: string;
  /** Whether it is of the newest version of its workflow instead of its own. */
  readonly latest: boolean;
  readonly actor: string;
  /** "" for none. */
  readonly idempotencyKey: string;
}

/**
 * A new run with the inputs and the event of a former one, which may still go on. Inputs for another
 * version are held against what that declares. Throws INPUT_INVALID, LIMIT_EXCEEDED.
 */
export function decideRerun(
  { catalogue, runs }: { readonly catalogue: Catalogue; readonly runs: Runs },
  former: FormerRun,
  { run, latest, actor, idempotencyKey }: RerunRequest,
  history: StartedRuns,
): Decision<Started> {
  const before = startedBefore(runs, idempotencyKey, history);
  if (before !== null) return before;
  const { workflow, eventJson } = former;
  const version = latest ? newestVersion(catalogue, workflow) : former.version;
  const inputs = JSON.parse(former.inputsJson) as Record<string, unknown>;
  const event: unknown = eventJson === "" ? null : JSON.parse(eventJson);
  const inputsJson =
    version === former.version
      ? former.inputsJson
      : inputsFor(catalogue, version, { workflow, inputs, event });
  const start = { run, workflow, version, trigger: "operator", actor, inputsJson, eventJson };
  return begin(
    { catalogue, runs },
    {
      ...start,
      parent: undefined,
      depth: 0,
      idempotencyKey,
      triggerKey: "",
      retryOf: "",
      rerunOf: former.run,
    },
    [],
  );
}
