import { ExpressionError, type Variables } from "@cohort/proto/expression";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import type { CompiledStep } from "../workflow/compile.ts";
import { schedulerLimits } from "./limits.ts";
import type { Instance, Run } from "./runs.ts";
import { attemptVariables } from "./variables.ts";

/** Successes of steps that may stand for later ones; bounded, and a function of the log. */
export interface Cache {
  /** By workflow and step, then the step's definition, then key. */
  readonly entries: Map<string, Map<string, Map<string, CacheEntry>>>;
  /** The same, the oldest first. */
  readonly inOrder: Set<CacheEntry>;
  /** Of all outputs. */
  bytes: number;
}

export interface CacheEntry {
  readonly place: CachePlace;
  readonly run: string;
  readonly instance: number;
  /** The entry of the log that tells of it. */
  readonly seq: number;
  readonly storedMs: number;
  readonly outputJson: string;
}

export interface CachePlace {
  readonly step: string;
  readonly definition: string;
  readonly key: string;
}

export function emptyCache(): Cache {
  return { entries: new Map(), inOrder: new Set(), bytes: 0 };
}

/** Where an instance's success is kept; null where the step has no cache, or its key has no value. */
export function placeOf(run: Run, step: CompiledStep, instance: Instance): CachePlace | null {
  if (step.cache === null) return null;
  try {
    const value = cacheKey(step, attemptVariables(run, step, instance, null));
    // What is an instance's own tells it from its siblings, which read the same key.
    const key = JSON.stringify([value, instance.pinned, instance.variables]);
    const { definition } = step.cache;
    return { step: `${run.workflow}/${instance.step}`, definition, key };
  } catch (error) {
    if (error instanceof ExpressionError) return null;
    throw error;
  }
}

/** The key's value, "" where there is no cache. Throws ExpressionError. */
export function cacheKey({ cache }: CompiledStep, variables: Variables): string {
  if (cache === null) return "";
  const value = cache.key.evaluate(variables);
  const key = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  if (key.length <= limits.cacheKeyLengthMax) return key;
  throw new ExpressionError(
    `the cache key has ${key.length} characters; ${limits.cacheKeyLengthMax} are allowed`,
    0,
  );
}

/** A success that is no older; null for none. */
export function findCached(cache: Cache, place: CachePlace, oldestMs: number): CacheEntry | null {
  const entry = cache.entries.get(place.step)?.get(place.definition)?.get(place.key);
  return entry !== undefined && entry.storedMs >= oldestMs ? entry : null;
}

/** Replaces what was there; the oldest go when there is too much. */
export function remember(
  cache: Cache,
  place: CachePlace,
  { run, instance }: Pick<AttemptKey, "run" | "instance">,
  outputJson: string,
  { seq, nowMs }: { readonly seq: number; readonly nowMs: number },
): void {
  const before = findCached(cache, place, 0);
  if (before !== null) forget(cache, before);
  put(cache, { place, run, instance, seq, storedMs: nowMs, outputJson });
  const { cacheEntriesMax, cacheBytesMax } = schedulerLimits;
  for (const oldest of cache.inOrder) {
    const tooOld = nowMs - oldest.storedMs > limits.cacheTtlMsMax;
    const tooMany = cache.inOrder.size > cacheEntriesMax || cache.bytes > cacheBytesMax;
    if (!tooOld && !tooMany) return;
    forget(cache, oldest);
  }
}

function put(cache: Cache, entry: CacheEntry): void {
  const { place } = entry;
  const ofStep = cache.entries.get(place.step) ?? new Map<string, Map<string, CacheEntry>>();
  const ofDefinition = ofStep.get(place.definition) ?? new Map<string, CacheEntry>();
  ofDefinition.set(place.key, entry);
  ofStep.set(place.definition, ofDefinition);
  cache.entries.set(place.step, ofStep);
  cache.inOrder.add(entry);
  cache.bytes += sizeOf(entry);
}

/**
 * Successes that the log tells of up to an entry stand for no later ones. What is left follows from the
 * entries after it alone, since the oldest always go first: whatever those before it may have said. So
 * that this is true of every order too, all is put there anew.
 */
export function forgetCached(cache: Cache, throughSeq: number): void {
  const left = [...cache.inOrder].filter(({ seq }) => seq > throughSeq);
  cache.entries.clear();
  cache.inOrder.clear();
  cache.bytes = 0;
  for (const entry of left) put(cache, entry);
}

function forget(cache: Cache, entry: CacheEntry): void {
  const { step, definition, key } = entry.place;
  const ofStep = cache.entries.get(step);
  const ofDefinition = ofStep?.get(definition);
  ofDefinition?.delete(key);
  if (ofDefinition?.size === 0) ofStep?.delete(definition);
  if (ofStep?.size === 0) cache.entries.delete(step);
  cache.inOrder.delete(entry);
  cache.bytes -= sizeOf(entry);
}

function sizeOf({ place, outputJson }: CacheEntry): number {
  return place.key.length + outputJson.length;
}
