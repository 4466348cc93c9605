import { EventAck } from "@cohort/proto/gen/cohort/node";
import { fleetLimits } from "../../coordinator/src/fleet/limits.ts";
import { Journal } from "../../node-agent/src/journal/journal.ts";
import type { Plant } from "./plants.ts";

/** Bugs that are planted in a part which only its prototype reaches. */
export function plant(planted: Plant | null): () => void {
  if (planted === "clones-believed") return forgetInstances();
  if (planted !== "node-forgets-attempts") return () => {};
  const { knows } = Journal.prototype;
  Journal.prototype.knows = () => false;
  return () => {
    Journal.prototype.knows = knows;
  };
}

/** Planted: whichever process says hello is taken for a new one. */
function forgetInstances(): () => void {
  const limits: { instancesRememberedMax: number } = fleetLimits;
  const { instancesRememberedMax } = limits;
  limits.instancesRememberedMax = 0;
  return () => {
    limits.instancesRememberedMax = instancesRememberedMax;
  };
}

/** Planted: a node believes that more is in the log than the coordinator said. */
export function greedy(subject: string, answer: Uint8Array): Uint8Array {
  if (!subject.endsWith(".events")) return answer;
  const ack = EventAck.decode(answer);
  if (ack.throughSeq === 0) return answer;
  return EventAck.encode({ ...ack, throughSeq: ack.throughSeq + 3 }).finish();
}
