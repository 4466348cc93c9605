import type { AttemptKey, Finished } from "@cohort/proto/gen/cohort/node";
import type { Catalogue } from "../catalogue/catalogue.ts";
import type { Recorded } from "../state/event.ts";
import { applyBegun, releaseNext } from "./apply-step.ts";
import { placeOf, remember } from "./cache.ts";
import { type Context, contextOf, ownWorkMs } from "./context.ts";
import { isInterruption, retryAt } from "./retry.ts";
import { occupy } from "./room.ts";
import { findInstance, type Instance, type Runs } from "./runs.ts";
import { clearTimer, setTimer } from "./timers.ts";
import { endAttempt, leave, lineUp, putOff, takeTurn } from "./waiting.ts";

/** Applies what happens to one instance of a step; events of other concerns change nothing. */
export function applyAttempt(
  runs: Runs,
  catalogue: Catalogue,
  { seq, atMs, event }: Recorded,
): void {
  switch (event.$case) {
    case "attemptScheduled":
      applyBegun(runs, catalogue, event.value.attempt, atMs);
      return change(runs, catalogue, event.value.attempt, (instance, context) => {
        takeTurn(runs, instance, context, atMs);
        instance.state = "scheduled";
        instance.attempt = event.value.attempt?.attempt ?? 0;
        instance.node = event.value.node;
        instance.scheduledMs = atMs;
        instance.startedMs = 0;
        instance.child = "";
        runs.scheduled++;
        occupy(runs, instance);
        const lasts = ownWorkMs(context.compiled);
        if (lasts !== null) setTimer(runs.timers, instance, atMs + lasts);
      });
    case "attemptAccepted":
      return change(runs, catalogue, event.value.attempt, (instance) => {
        instance.state = "accepted";
      });
    case "attemptStarted":
      return change(runs, catalogue, event.value.attempt, (instance) => {
        instance.state = "running";
        instance.startedMs = event.value.nodeAtMs;
      });
    case "approvalRequested": {
      const { prompt, roles } = event.value;
      return change(runs, catalogue, event.value.attempt, (instance) => {
        runs.asked.set(instance, { prompt, roles });
      });
    }
    case "publicationIntended": {
      const intended = event.value;
      return change(runs, catalogue, intended.attempt, (instance) => {
        runs.publications.set(instance, [...(runs.publications.get(instance) ?? []), intended]);
      });
    }
    case "publicationEnded": {
      const { attempt, channel } = event.value;
      return change(runs, catalogue, attempt, (instance) => {
        const left = runs.publications.get(instance)?.filter((it) => it.channel !== channel) ?? [];
        if (left.length === 0) runs.publications.delete(instance);
        else runs.publications.set(instance, left);
      });
    }
    case "attemptEnded": {
      const { attempt, result = null, nodeStartedMs } = event.value;
      return change(runs, catalogue, attempt, (instance, context) => {
        if (instance.state === "queued") leave(runs, instance, context, atMs);
        else endAttempt(runs, instance, context, atMs);
        clearTimer(runs.timers, instance);
        instance.attempt = attempt?.attempt ?? 0;
        instance.result = result;
        if (nodeStartedMs !== 0) instance.startedMs = nodeStartedMs;
        instance.endedMs = atMs;
        instance.state = result?.outcome === "succeeded" ? "succeeded" : "failed";
        if (result !== null && isInterruption(result)) instance.interruptions++;
        if (instance.state === "succeeded") keep(runs, instance, context, seq);
        goOn(runs, catalogue, instance, context);
      });
    }
    case "stepCached": {
      const { originRun, outputJson } = event.value;
      return change(runs, catalogue, event.value, (instance, context) => {
        leave(runs, instance, context, atMs);
        instance.result = given(outputJson);
        instance.cachedFrom = originRun;
        instance.endedMs = atMs;
        instance.state = "succeeded";
        goOn(runs, catalogue, instance, context);
      });
    }
    case "retryDue":
      return change(runs, catalogue, event.value, (instance, context) =>
        lineUp(runs, instance, context, atMs),
      );
    default:
  }
}

/** The success may stand for later ones. */
function keep(
  { cache, nowMs }: Runs,
  instance: Instance,
  { run, compiled }: Context,
  seq: number,
): void {
  const place = placeOf(run, compiled, instance);
  if (place === null) return;
  remember(cache, place, instance, instance.result?.outputJson ?? "", { seq, nowMs });
}

function given(outputJson: string): Finished {
  return { outcome: "succeeded", code: "", exit: 0, message: "", outputJson, usage: undefined };
}

/** What follows for an instance whose attempt has ended: another attempt, or the next one's turn. */
function goOn(runs: Runs, catalogue: Catalogue, instance: Instance, context: Context): void {
  const { step, compiled } = context;
  const again = instance.state === "failed" ? retryAt(instance, compiled.definition) : null;
  if (again === null) {
    step.unended--;
    if (instance.state === "failed") step.failures++;
    return releaseNext(runs, catalogue, step, instance.endedMs);
  }
  instance.state = "queued";
  instance.notBeforeMs = again;
  if (compiled.definition.retry?.move === true) instance.avoids = instance.node;
  if (again > instance.endedMs) putOff(runs, instance, context);
  else lineUp(runs, instance, context, instance.endedMs);
}

function change(
  runs: Runs,
  catalogue: Catalogue,
  key: Omit<AttemptKey, "attempt"> | undefined,
  update: (instance: Instance, context: Context) => void,
): void {
  const instance = key === undefined ? null : findInstance(runs, { ...key, attempt: 0 });
  if (instance !== null) update(instance, contextOf(runs, catalogue, instance));
}
