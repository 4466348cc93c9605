import { findArtifact } from "../artifacts/artifacts.ts";
import type { Event } from "../state/event.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { type CacheEntry, findCached, placeOf } from "./cache.ts";
import type { Instance, Run } from "./runs.ts";
import type { Schedule } from "./schedule.ts";

/** The success of an earlier run that stands for an instance's first attempt; null where it must run. */
export function nextCached(
  schedule: Schedule,
  run: Run,
  step: CompiledStep,
  instance: Instance,
): Event | null {
  if (step.cache === null || instance.attempt > 0) return null;
  const place = placeOf(run, step, instance);
  const { cache, nowMs } = schedule.runs;
  const entry = place === null ? null : findCached(cache, place, nowMs - step.cache.ttlMs);
  const artifacts = (step.definition.artifacts?.upload ?? []).map(({ name }) => name);
  if (entry === null || !hasArtifacts(schedule, artifacts, instance.step, entry)) return null;
  const value = {
    run: run.run,
    step: instance.step,
    instance: instance.instance,
    originRun: entry.run,
    originInstance: entry.instance,
    outputJson: entry.outputJson,
    artifacts,
  };
  return { $case: "stepCached", value };
}

/** They may have gone with the other run's history. */
function hasArtifacts(
  { artifacts }: Schedule,
  names: readonly string[],
  step: string,
  { run, instance }: CacheEntry,
): boolean {
  return names.every((name) => findArtifact(artifacts, run, { step, instance, name }) !== null);
}
