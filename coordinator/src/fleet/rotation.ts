import type { Event } from "../state/event.ts";
import { toHex } from "./bytes.ts";
import { changeEnrolled, type EnrolledNode, type FleetState } from "./fleet.ts";

export type RotationEvent = Extract<
  Event,
  { $case: "nodeKeysRotated" | "nodeKeysConfirmed" | "nodeKeysRetired" }
>;

/**
 * A node's keys replace one another in three steps: others are known, they have been used, and the
 * former ones are retired. Until they have been used, a node that lost the answer is let in with
 * what it has.
 */
export function applyRotation(fleet: FleetState, event: RotationEvent, atMs: number): void {
  const { node: name } = event.value;
  switch (event.$case) {
    case "nodeKeysRotated": {
      const { natsKey, signKey, boxKey, natsKeys } = event.value;
      for (const key of [natsKey, signKey, boxKey]) fleet.keyOwners.set(toHex(key), name);
      for (const key of natsKeys) fleet.voidKeys.set(toHex(key), atMs);
      return changeEnrolled(fleet, name, (node) => ({
        ...node,
        keys: { natsKey, signKey, boxKey },
        keysSinceMs: atMs,
        former: node.former ?? { ...node.keys, untilMs: 0 },
        rotationAsked: false,
      }));
    }
    case "nodeKeysConfirmed": {
      const untilMs = event.value.formerUntilMs;
      fleet.overlaps.set(name, untilMs);
      return changeEnrolled(fleet, name, (node) => ({
        ...node,
        former: node.former === null ? null : { ...node.former, untilMs },
      }));
    }
    case "nodeKeysRetired":
      fleet.overlaps.delete(name);
      for (const key of event.value.natsKeys) fleet.voidKeys.set(toHex(key), atMs);
      return changeEnrolled(fleet, name, (node) => ({ ...node, former: null }));
  }
}

/** NATS keys that still sign in. */
export function natsKeysOf({ keys, former }: EnrolledNode): Uint8Array[] {
  return former === null ? [keys.natsKey] : [keys.natsKey, former.natsKey];
}
