import { Entry } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import type { TestMesh } from "./mesh.ts";

type Recorded = Entry & { event: NonNullable<Entry["event"]> };

/** Every entry of the mesh's ledger, as the coordinator exports it. */
export async function readLedger({ client }: TestMesh): Promise<Recorded[]> {
  const entries: Recorded[] = [];
  for await (const { leaves } of client.stream(client.ledger, client.ledger.export, {})) {
    for (const { json } of leaves) entries.push(Entry.fromJSON(JSON.parse(json)) as Recorded);
  }
  return entries;
}

/**
 * What is wrong with a history in which every run should have ended: a transition that is recorded
 * twice, out of order, or not at all. Empty when it is sound.
 */
export function faultsOf(entries: readonly Recorded[]): string[] {
  const faults = entries.flatMap(({ seq }, at) =>
    seq === at + 1 ? [] : [`entry ${at + 1} has the number ${seq}`],
  );
  const lives = new Map<string, string[]>();
  for (const { event } of entries) {
    const subject = subjectOf(event);
    if (subject === null) continue;
    lives.set(subject, [...(lives.get(subject) ?? []), event.$case]);
  }
  for (const [subject, life] of lives) {
    if (!lifeOf[subject.split(" ")[0] as Subject].test(life.join(" "))) {
      faults.push(`${subject}: ${life.join(" ")}`);
    }
  }
  return [...faults, ...attemptFaults(entries)];
}

/** The transitions that each kind of thing goes through, in order. */
const lifeOf = {
  run: /^runStarted (?:runBegan )?runEnded$/,
  step: /^(?:(?:stepPlanned )?stepEnded|stepTaken(?: stepTaken)*)$/,
  attempt: /^attemptScheduled (?:attemptAccepted )?(?:attemptStarted )?attemptEnded$/,
  call: /^callIntended (?:callSettled|callUncertain(?: callReconciled)?)$/,
  question: /^approvalRequested(?: approvalDecided)?$/,
  message: /^publicationIntended(?: publicationEnded)?$/,
} as const;

type Subject = keyof typeof lifeOf;

function subjectOf(event: Recorded["event"]): string | null {
  switch (event.$case) {
    case "runStarted":
    case "runBegan":
    case "runEnded":
      return `run ${event.value.run}`;
    case "stepPlanned":
    case "stepEnded":
    case "stepTaken":
      return `step ${event.value.run} ${event.value.step}`;
    case "attemptScheduled":
    case "attemptAccepted":
    case "attemptStarted":
    case "attemptEnded":
      return `attempt ${attemptId(event.value.attempt as AttemptKey)}`;
    case "callIntended":
    case "callSettled":
    case "callUncertain":
    case "callReconciled":
      return `call ${event.value.call}`;
    case "approvalRequested":
    case "approvalDecided":
      return `question ${attemptId(event.value.attempt as AttemptKey)}`;
    case "publicationIntended":
    case "publicationEnded":
      return `message ${attemptId(event.value.attempt as AttemptKey)} ${event.value.channel}`;
    default:
      return null;
  }
}

/** Attempts of an instance follow one another from 1, and nothing follows one that succeeded. */
function attemptFaults(entries: readonly Recorded[]): string[] {
  const faults: string[] = [];
  const latest = new Map<string, { attempt: number; open: boolean; succeeded: boolean }>();
  for (const { event } of entries) {
    if (event.$case !== "attemptScheduled" && event.$case !== "attemptEnded") continue;
    const key = event.value.attempt as AttemptKey;
    const instance = `${key.run} ${key.step}[${key.instance}]`;
    const before = latest.get(instance) ?? { attempt: 0, open: false, succeeded: false };
    if (event.$case === "attemptScheduled") {
      const follows = key.attempt === before.attempt + 1 && !before.open && !before.succeeded;
      if (!follows) faults.push(`${instance}: attempt ${key.attempt} follows ${before.attempt}`);
      latest.set(instance, { attempt: key.attempt, open: true, succeeded: false });
    } else {
      if (key.attempt !== before.attempt) faults.push(`${instance}: ${key.attempt} ended late`);
      const succeeded = event.value.result?.outcome === "succeeded";
      latest.set(instance, { attempt: key.attempt, open: false, succeeded });
    }
  }
  return faults;
}
