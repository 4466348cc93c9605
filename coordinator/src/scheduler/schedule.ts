import type { ArtifactState } from "../artifacts/artifacts.ts";
import type { Catalogue } from "../catalogue/catalogue.ts";
import type { Schedules } from "../cron/schedules.ts";
import type { FleetState } from "../fleet/fleet.ts";
import type { Rollouts } from "../rollout/rollout.ts";
import type { Runs } from "./runs.ts";

/** What the scheduler reads; a part of the whole state. */
export interface Schedule {
  readonly catalogue: Catalogue;
  readonly fleet: FleetState;
  readonly runs: Runs;
  readonly schedules: Schedules;
  readonly artifacts: ArtifactState;
  readonly rollouts: Rollouts;
}
