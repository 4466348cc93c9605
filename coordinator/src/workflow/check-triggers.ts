import { readable } from "@cohort/proto/expression-variables";
import type { Problem } from "@cohort/proto/problem";
import { isTimezone } from "@cohort/proto/resources/values";
import type { Workflow } from "@cohort/proto/resources/workflow";
import type { ScheduleTrigger, WebhookTrigger } from "@cohort/proto/resources/workflow/trigger";
import { CronError, timesOf } from "../cron/cron.ts";
import { scheduleKey } from "../cron/schedules.ts";
import { conditionProblems, rootFault, type Scope, valueProblems } from "./check-expressions.ts";
import { suggest } from "./nearest.ts";
import type { Path, Source } from "./source.ts";

/** What starts a run: conditions, times, and whether a time alone can give the inputs. */
export function triggerProblems(workflow: Workflow, source: Source): Problem[] {
  const { mqtt, schedule, webhook } = workflow.on;
  return [
    ...mqtt.flatMap((trigger, at) => eventProblems(trigger, ["on", "mqtt", at], source)),
    ...webhook.flatMap((trigger, at) => eventProblems(trigger, ["on", "webhook", at], source)),
    ...pathProblems(webhook, source),
    ...schedule.flatMap((trigger, at) => scheduleProblems(trigger, ["on", "schedule", at], source)),
    ...duplicateProblems(schedule, source),
    ...(schedule.length > 0 ? missingProblems(workflow, source) : []),
  ];
}

function eventProblems(
  { if: condition, key }: { if?: string | undefined; key?: string | undefined },
  place: Path,
  source: Source,
): Problem[] {
  return [
    ...(condition === undefined
      ? []
      : conditionProblems(condition, [...place, "if"], source, ofEvent)),
    ...(key === undefined ? [] : valueProblems(key, [...place, "key"], source, ofEvent)),
  ];
}

const ofEvent: Scope = ([root]) => rootFault(root as string, readable.start);

/** One request starts a workflow once. */
function pathProblems(webhook: readonly WebhookTrigger[], source: Source): Problem[] {
  return webhook.flatMap(({ path }, at) => {
    if (webhook.findIndex((it) => it.path === path) === at) return [];
    const message = `another webhook of this workflow has the path ${path} already`;
    return [source.problemAt(["on", "webhook", at, "path"], "RESOURCE_DUPLICATE", message)];
  });
}

function scheduleProblems(trigger: ScheduleTrigger, place: Path, source: Source): Problem[] {
  const { timezone } = trigger;
  const zoneProblems = isTimezone(timezone)
    ? []
    : [
        source.problemAt(
          [...place, "timezone"],
          "SCHEDULE_INVALID",
          `no time zone is called "${timezone}"`,
          suggest(timezone, ["UTC", ...Intl.supportedValuesOf("timeZone")]) ||
            "Write an IANA name such as Europe/Berlin.",
        ),
      ];
  try {
    timesOf({ ...trigger, timezone: zoneProblems.length > 0 ? "UTC" : timezone });
    return zoneProblems;
  } catch (error) {
    if (!(error instanceof CronError)) throw error;
    const where = [...place, "cron"];
    return [
      ...zoneProblems,
      source.problemAt(where, "SCHEDULE_INVALID", error.message, error.hint),
    ];
  }
}

function duplicateProblems(schedule: readonly ScheduleTrigger[], source: Source): Problem[] {
  const seen = new Set<string>();
  return schedule.flatMap((trigger, at) => {
    const key = scheduleKey(trigger);
    const taken = seen.has(key);
    seen.add(key);
    const message = "another schedule has this `cron` and `timezone` already";
    return taken ? [source.problemAt(["on", "schedule", at], "RESOURCE_DUPLICATE", message)] : [];
  });
}

/** Nobody is there to give an input when its time has come. */
function missingProblems(workflow: Workflow, source: Source): Problem[] {
  return Object.entries(workflow.inputs).flatMap(([name, { default: value }]) => {
    if (value !== undefined) return [];
    const message = `input "${name}" has no default, so that a schedule cannot start a run`;
    const hint = "Give it a `default`, which may read `event.schedule`.";
    return [source.problemAt(["inputs", name], "RESOURCE_INVALID", message, hint)];
  });
}
