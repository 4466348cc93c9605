import type { TriggerSet } from "@cohort/proto/gen/cohort/console";
import { type Catalogue, resourcesOf, workflowAt } from "../catalogue/catalogue.ts";

/** What gateways are to listen for: the triggers of every workflow's newest version. */
export function triggerSet(catalogue: Catalogue): TriggerSet {
  const workflows = resourcesOf(catalogue, "workflow").map(({ name, version }) => ({
    name,
    on: workflowAt(catalogue, version).definition.on,
  }));
  return {
    mqtt: workflows.flatMap(({ name, on }) =>
      on.mqtt.map((trigger, index) => ({
        workflow: name,
        index,
        topic: trigger.topic,
        condition: bareCondition(trigger.if ?? ""),
        key: trigger.key ?? "",
        debounceMs: trigger.debounce ?? 0,
      })),
    ),
    webhooks: [...new Set(workflows.flatMap(({ on }) => on.webhook.map(({ path }) => path)))],
  };
}

function bareCondition(text: string): string {
  const bare = text.trim();
  return bare.startsWith("${{") ? bare.slice(3, -2).trim() : bare;
}
