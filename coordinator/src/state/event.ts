import type { Entry } from "@cohort/proto/gen/cohort/ledger";

/** What happened, decided once and never changed; the state of the mesh is a function of these. */
export type Event = NonNullable<Entry["event"]>;

/** An event with its place in the log and the time at which it was decided. */
export interface Recorded {
  readonly seq: number;
  readonly atMs: number;
  readonly event: Event;
}
