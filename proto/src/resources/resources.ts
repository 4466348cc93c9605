import { type Agent, agent } from "./agent.ts";
import { type Budget, budget } from "./budget.ts";
import { type Channel, channel } from "./channel.ts";
import { type Service, service } from "./service.ts";
import { type Workflow, workflow } from "./workflow.ts";

/** Every kind of resource that `cohort apply` takes, with the schema of what a person writes. */
export const resourceSchemas = { workflow, agent, service, budget, channel } as const;

export type ResourceKind = keyof typeof resourceSchemas;

export interface Definitions {
  readonly workflow: Workflow;
  readonly agent: Agent;
  readonly service: Service;
  readonly budget: Budget;
  readonly channel: Channel;
}

export function isResourceKind(text: string): text is ResourceKind {
  return Object.hasOwn(resourceSchemas, text);
}
