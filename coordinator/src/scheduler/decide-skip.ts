import { refuse } from "@cohort/proto/problem";
import type { Role } from "@cohort/proto/roles";
import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { Decision } from "../state/decision.ts";
import { checkReason } from "../state/reason.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { unknownStep } from "./decide-retry.ts";
import type { Runs, Step } from "./runs.ts";

export interface SkipRequest {
  readonly run: string;
  readonly step: string;
  readonly reason: string;
  readonly actor: string;
  readonly role: Role;
}

/**
 * Ends a step that has not ended, for a reason that is recorded. What runs of it is recalled; what
 * depends on it goes on. Throws RUN_UNKNOWN, RUN_QUEUED, RUN_ENDED, STEP_UNKNOWN, STEP_ENDED, FORBIDDEN, USAGE.
 */
export function decideSkip(
  { catalogue, runs }: { readonly catalogue: Catalogue; readonly runs: Runs },
  { run: id, step: name, reason, actor, role }: SkipRequest,
): Decision<void> {
  const run = runs.byId.get(id);
  if (run === undefined) throw refuse("RUN_UNKNOWN", `no run has the id "${id}"`);
  if (run.state === "queued") {
    throw refuse("RUN_QUEUED", `run ${id} waits for its place in a group: nothing of it has begun`);
  }
  if (run.state !== "running") throw runEnded(id);
  const workflow = workflowAt(catalogue, run.version);
  const step = run.steps.get(name);
  if (step === undefined) throw unknownStep(run.workflow, name, workflow);
  if (!isOpen(step)) {
    throw refuse("STEP_ENDED", `step ${name} has ended: it is ${step.state}`);
  }
  assertMay(role, workflow.steps.get(name) as CompiledStep);
  if (reason.trim() === "") {
    throw refuse("USAGE", "a step is skipped for a reason, which is recorded", {
      hint: "Say why: --reason TEXT.",
    });
  }
  checkReason(reason);
  const value = { run: id, step: name, outcome: "skipped", reason, actor };
  return { events: [{ $case: "stepEnded", value }], value: undefined };
}

export function runEnded(run: string): Error {
  return refuse("RUN_ENDED", `run ${run} has ended`, {
    hint: "`cohort retry` and `cohort rerun` start another.",
  });
}

function isOpen({ state }: Step): boolean {
  return state === "waiting" || state === "running";
}

/** To skip what asks people is to decide it. */
function assertMay(role: Role, { definition: { id, approve } }: CompiledStep): void {
  const roles: readonly string[] = approve?.roles ?? [role];
  if (roles.includes(role)) return;
  const who = roles.join(" or ");
  throw refuse("FORBIDDEN", `step ${id} is for the role ${who} to decide, not for ${role}`);
}
