import type { Run, Runs } from "./runs.ts";

/** The run of the workflow that an event with this key started, while it goes on. */
export function runOfKey(runs: Runs, workflow: string, key: string): string | null {
  return runs.byTriggerKey.get(entryOf({ workflow, triggerKey: key })) ?? null;
}

export function holdKey(runs: Runs, run: Run): void {
  if (run.triggerKey !== "") runs.byTriggerKey.set(entryOf(run), run.run);
}

export function releaseKey(runs: Runs, run: Run): void {
  if (run.triggerKey !== "") runs.byTriggerKey.delete(entryOf(run));
}

/** Names of workflows have no "/". */
function entryOf({ workflow, triggerKey }: Pick<Run, "workflow" | "triggerKey">): string {
  return `${workflow}/${triggerKey}`;
}
