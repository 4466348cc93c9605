import type { Event } from "../state/event.ts";
import type { Agenda } from "./agenda.ts";
import type { Claim, Group } from "./groups.ts";
import type { Run } from "./runs.ts";
import type { Schedule } from "./schedule.ts";

/**
 * What follows where a place of a group has become free, or a run has come: the run that has waited
 * longest begins, in strict order; a newcomer that finds no place is ended, or ends the oldest.
 */
export function nextOfGroups({ runs }: Schedule, agenda: Agenda): Event | null {
  for (const name of agenda.groups) {
    const head = headOf(runs.groups.get(name));
    if (head !== null) return { $case: "runBegan", value: { run: head.run } };
    agenda.groups.delete(name);
  }
  for (let newcomer = agenda.newcomers.at(-1); newcomer !== undefined; ) {
    const event = crowdedOut(runs.groups.get(newcomer.claim?.group ?? ""), newcomer);
    if (event !== null) return event;
    agenda.newcomers.pop();
    newcomer = agenda.newcomers.at(-1);
  }
  return null;
}

/** The run whose turn it is; null when there is no place for it, or nobody waits. */
function headOf(group: Group | undefined): Run | null {
  for (const run of group?.waiting ?? []) {
    if (isEnding(run)) continue;
    return (group as Group).holders.size < (run.claim as Claim).max ? run : null;
  }
  return null;
}

/** What a run that has just come and must wait brings about; null when it may wait. */
function crowdedOut(group: Group | undefined, newcomer: Run): Event | null {
  if (group === undefined || newcomer.state !== "queued" || isEnding(newcomer)) return null;
  const { group: name, max, overflow } = newcomer.claim as Claim;
  if (overflow === "queue") return null;
  const [holder] = group.holders;
  if (overflow === "skip") {
    const before = holder ?? [...group.waiting].find((it) => it !== newcomer);
    return ended(newcomer, `GROUP_FULL group "${name}" is held by run ${before?.run}`);
  }
  const others = [...group.holders, ...group.waiting].filter((it) => it !== newcomer);
  const going = others.filter((it) => !isEnding(it));
  const oldest = going[0];
  if (oldest === undefined || going.length < max) return null;
  return ended(oldest, `RUN_REPLACED in group "${name}" by run ${newcomer.run}`);
}

/**
 * It gives its place free without being told to. One that waits has yet to begin, though it be with
 * `finally`: a retry that takes over all that stands before.
 */
function isEnding({ stopOutcome, phase, state }: Run): boolean {
  return stopOutcome !== null || (phase === "finally" && state !== "queued");
}

function ended({ run }: Run, reason: string): Event {
  const value = { run, reason: reason.toWellFormed(), outcome: "cancelled" };
  return { $case: "runStopping", value: { ...value, altogether: false, actor: "" } };
}
