import type { Hello } from "@cohort/proto/gen/cohort/node";
import { type Problem, problem, refuse } from "@cohort/proto/problem";
import { helloProof } from "@cohort/proto/proof";
import { decideHello } from "../fleet/decide-presence.ts";
import { confirmation, keysThatSigned, type Verify } from "../fleet/decide-rotation.ts";
import type { EnrolledNode, NodeKeys } from "../fleet/fleet.ts";
import { natsKeysOf } from "../fleet/rotation.ts";
import type { Decision } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import { decideReconcile, type Reconciled } from "./decide-attempt.ts";
import { endsOf } from "./decide-revoke.ts";
import type { Schedule } from "./schedule.ts";

export interface WelcomeOptions {
  readonly verify: Verify;
  readonly nowMs: number;
  /** How long the keys are still good that the node has just shown to need no more. */
  readonly keyOverlapMs: number;
}

/** A refusal is a value, not an exception, where it is recorded before it is told. */
export type Welcomed =
  | ({
      readonly kind: "welcomed";
      readonly node: EnrolledNode;
      readonly keys: NodeKeys;
    } & Reconciled)
  | { readonly kind: "refused"; readonly problem: Problem };

/**
 * A node says that it is there and what it holds. One decision, at the moment when the hello is
 * read: what is accepted while it becomes durable is not in the inventory, and yet not lost. One of
 * an earlier session tells of an inventory that is over. Throws SESSION_OVER,
 * NODE_KEYS_RETIRED, and as decideHello.
 *
 * The hello of the latest session comes from a process that lived after that session's number was
 * given, and so after every hello that was taken before. A process that another has followed is
 * therefore alive beside it, however late messages come: somebody copied the disk.
 */
export function decideWelcome(
  schedule: Pick<Schedule, "catalogue" | "fleet" | "runs">,
  name: string,
  { facts, inventory, session, instance, proof }: Hello,
  { verify, nowMs, keyOverlapMs }: WelcomeOptions,
): Decision<Welcomed> {
  const { fleet, runs } = schedule;
  const present = decideHello(fleet, name, facts);
  if (present.value.session !== session) {
    throw refuse("SESSION_OVER", `session ${session} of ${name} is over`);
  }
  const message = helloProof({ node: name, session, instance });
  const keys = keysThatSigned(present.value, (key) => verify(message, proof, key));
  if (keys === null) {
    throw refuse("NODE_KEYS_RETIRED", `${name} has other keys than those that signed`, {
      hint: "Remove the agent's data folder, and join again with a new join token.",
    });
  }
  const { formerInstances, instance: latest } = present.value;
  if (formerInstances.includes(instance)) {
    const ends = endsOf(schedule, name, "was quarantined").map(({ event }) => event);
    const value = {
      node: name,
      instances: [latest, instance],
      natsKeys: natsKeysOf(present.value),
    };
    return {
      events: [{ $case: "nodeQuarantined", value }, ...ends],
      value: { kind: "refused", problem: cloned(name) },
    };
  }
  const greeted: Event[] =
    instance === latest ? [] : [{ $case: "nodeGreeted", value: { node: name, instance } }];
  const books = decideReconcile(runs, name, inventory);
  return {
    events: [
      ...greeted,
      ...confirmation(present.value, keys, nowMs + keyOverlapMs),
      ...present.events,
      ...books.events,
    ],
    value: { kind: "welcomed", node: present.value, keys, ...books.value },
  };
}

function cloned(name: string): Problem {
  return problem("NODE_QUARANTINED", `two machines use the keys of ${name}`, {
    hint: "Find the copied disk; each may join again with a new join token and other keys.",
  });
}
