import { parseCanonicalJson } from "./canonical.ts";

/**
 * Events of runs that have a payload: what a run was given, what it gave, and what was said about it.
 * Of these alone retention drops it; of no other entry anything may be missing.
 */
export const payloadEvents = [
  "runStarted",
  "stepPlanned",
  "stepTaken",
  "stepCached",
  "attemptEnded",
  "stepEnded",
  "runEnded",
  "approvalRequested",
  "approvalDecided",
  "publicationIntended",
  "callIntended",
] as const;

/**
 * What is wrong with a text that is to be the canonical JSON of a `Remainder`, of the entry with this
 * number; null where nothing is. That it is the one that was recorded, its hash tells.
 */
export function faultOfRemainder(text: string, seq: number): string | null {
  const { entry, dropped, ...rest } = recordOf(parseCanonicalJson(text));
  const { seq: says, atMs: _, ...event } = recordOf(entry);
  const fields = Object.keys(recordOf(dropped));
  const kinds: readonly string[] = payloadEvents;
  const isRemainder = Object.keys(rest).length === 0 && fields.length > 0;
  const [kind = "", ...others] = Object.keys(event);
  if (!isRemainder || others.length > 0) return "what is left of it is no remainder of an entry";
  if (says !== seq) return `what is left says that it is of entry ${String(says)}`;
  return kinds.includes(kind) ? null : "nothing may be dropped of an entry of its kind";
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  return isRecord ? (value as Readonly<Record<string, unknown>>) : {};
}
