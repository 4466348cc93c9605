import { type ArtifactState, applyArtifacts, emptyArtifacts } from "../artifacts/artifacts.ts";
import { applyBudget, type BudgetState, emptyBudget } from "../budget/budget.ts";
import { applyCatalogue, type Catalogue, emptyCatalogue } from "../catalogue/catalogue.ts";
import { applySchedules } from "../cron/apply-schedules.ts";
import { emptySchedules, type Schedules } from "../cron/schedules.ts";
import { applyCustody, type CustodyState, emptyCustody } from "../custody/custody.ts";
import { applyStepTokens, emptyStepTokens, type StepTokens } from "../custody/step-tokens.ts";
import { applyFleet, emptyFleet, type FleetState } from "../fleet/fleet.ts";
import { applyRollouts, emptyRollouts, type Rollouts } from "../rollout/rollout.ts";
import { applyRuns } from "../scheduler/apply-runs.ts";
import { scopesOf } from "../scheduler/caller.ts";
import { emptyRuns, findActive, type Runs } from "../scheduler/runs.ts";
import { applyLedger, emptyLedger, type LedgerState } from "../witnesses/witnesses.ts";
import type { Recorded } from "./event.ts";
import { forgetEnded, forgetRemoved } from "./forget.ts";

/** All that the coordinator knows, as a function of the log. Changed by `applyEvent` alone. */
export interface State {
  /** ULID of the mesh; "" before its first event. */
  mesh: string;
  readonly catalogue: Catalogue;
  readonly fleet: FleetState;
  readonly runs: Runs;
  readonly schedules: Schedules;
  readonly budget: BudgetState;
  readonly artifacts: ArtifactState;
  readonly rollouts: Rollouts;
  readonly ledger: LedgerState;
  readonly custody: CustodyState;
  readonly stepTokens: StepTokens;
}

export function emptyState(endedPartsMax?: number): State {
  return {
    mesh: "",
    catalogue: emptyCatalogue(),
    fleet: emptyFleet(),
    runs: emptyRuns(endedPartsMax),
    schedules: emptySchedules(),
    budget: emptyBudget(),
    artifacts: emptyArtifacts(),
    rollouts: emptyRollouts(),
    ledger: emptyLedger(),
    custody: emptyCustody(),
    stepTokens: emptyStepTokens(),
  };
}

/** Deterministic and total; replaying the log from empty gives the same state. */
export function applyEvent(state: State, recorded: Recorded): void {
  const { event } = recorded;
  if (event.$case === "runEnded") forgetEnded(state);
  if (event.$case === "historyRemoved") forgetRemoved(state, event.value.runs);
  if (recorded.event.$case === "meshCreated") state.mesh = recorded.event.value.mesh;
  applyCatalogue(state.catalogue, recorded);
  applyFleet(state.fleet, recorded);
  applyRuns(state.runs, state, recorded);
  applySchedules(state.schedules, state.catalogue, recorded);
  applyBudget(state.budget, recorded, (attempt) => scopesOf(state, attempt));
  applyArtifacts(state.artifacts, recorded);
  applyRollouts(state.rollouts, state.fleet, recorded);
  applyLedger(state.ledger, recorded);
  applyCustody(state.custody, recorded);
  applyStepTokens(state.stepTokens, recorded, (it) => findActive(state.runs, it) !== null);
}
