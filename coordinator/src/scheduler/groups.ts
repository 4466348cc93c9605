import type { Run, Runs } from "./runs.ts";

/**
 * Runs of one concurrency group, whatever their workflow: those that hold a place, and those that wait
 * for one. Who begins and who is ended for another is decided in `next-of-groups.ts`.
 */
export interface Group {
  /** Begun and not ended, the oldest first. */
  readonly holders: Set<Run>;
  /** In the order in which they came. */
  readonly waiting: Set<Run>;
}

/** What a run asks of its group. */
export interface Claim {
  readonly group: string;
  /** Places of the group, as this run sees it. */
  readonly max: number;
  readonly overflow: "queue" | "skip" | "replace";
}

/** The run waits for its place from now on. */
export function joinGroup({ groups }: Runs, run: Run): void {
  if (run.claim === null) return;
  const { group: name } = run.claim;
  const group = groups.get(name) ?? { holders: new Set(), waiting: new Set() };
  groups.set(name, group);
  group.waiting.add(run);
}

/** The run has its place. */
export function holdPlace({ groups }: Runs, run: Run): void {
  const group = groups.get(run.claim?.group ?? "");
  if (group === undefined || !group.waiting.delete(run)) return;
  group.holders.add(run);
}

export function leaveGroup({ groups }: Runs, run: Run): void {
  const name = run.claim?.group ?? "";
  const group = groups.get(name);
  if (group === undefined) return;
  group.holders.delete(run);
  group.waiting.delete(run);
  if (group.holders.size === 0 && group.waiting.size === 0) groups.delete(name);
}

/** Whether a run with this claim would have to wait. */
export function isFull({ groups }: Runs, { group: name, max }: Claim): boolean {
  const group = groups.get(name);
  return group !== undefined && (group.waiting.size > 0 || group.holders.size >= max);
}
