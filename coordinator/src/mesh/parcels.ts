import { Dispatch, Dispatches, type DispatchReply } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import type { Problem } from "@cohort/proto/problem";

/** Dispatches that go to a node in one message, and are signed and answered as one. */
export interface Parcel {
  /** Encoded `Dispatches`. */
  readonly payload: Uint8Array;
  readonly count: number;
}

/** In their order, as few parcels as the limits allow; a dispatch that is longer goes alone. */
export function parcelsOf(dispatches: readonly Dispatch[]): Parcel[] {
  const parcels: Uint8Array[][] = [];
  let room = 0;
  for (const dispatch of dispatches) {
    const bytes = Dispatch.encode(dispatch).finish();
    const parcel = parcels.at(-1);
    if (parcel === undefined || parcel.length === limits.dispatchBatchMax || bytes.length > room) {
      parcels.push([bytes]);
      room = limits.dispatchBatchBytesMax - bytes.length;
    } else {
      parcel.push(bytes);
      room -= bytes.length;
    }
  }
  return parcels.map((parcel) => ({
    payload: Dispatches.encode({ dispatches: parcel }).finish(),
    count: parcel.length,
  }));
}

/** What the node says of each dispatch of the parcel; no problems where it has taken the attempt. */
export function answersOf(
  { count }: Parcel,
  { problems, refusals }: DispatchReply,
): readonly (readonly Problem[])[] {
  if (problems.length > 0) return Array.from({ length: count }, () => problems);
  const refused = new Map(refusals.map((it) => [it.index, it.problems]));
  return Array.from({ length: count }, (_, at) => refused.get(at) ?? []);
}
