import { compileExpression, evaluateCondition, type Template } from "@cohort/proto/expression";
import type { MqttTrigger, TriggerSet } from "@cohort/proto/gen/cohort/console";
import { coversLevels, isTopicFilter } from "../topic-filter.ts";

/** The event as conditions see it, under the name `event`, and as the coordinator gets it. */
export interface MqttEvent {
  readonly source: "mqtt";
  readonly topic: readonly string[];
  readonly payload: unknown;
  readonly at_ms: number;
}

/** Which trigger a message fires, or why its condition could not be decided. */
export type Firing =
  | { readonly trigger: MqttTrigger; readonly error: null }
  | { readonly trigger: MqttTrigger; readonly error: Error };

/** The triggers of all workflows, with their conditions compiled once. */
export class TriggerTable {
  readonly #rows: readonly Row[];

  /** `onInvalid` hears of triggers that cannot be used; the others stand. */
  constructor(set: TriggerSet, onInvalid: (trigger: MqttTrigger, error: Error) => void) {
    this.#rows = set.mqtt.flatMap((trigger) => {
      try {
        return [compileRow(trigger)];
      } catch (error) {
        onInvalid(trigger, asError(error));
        return [];
      }
    });
  }

  /** Each topic filter once. */
  get filters(): string[] {
    return [...new Set(this.#rows.map((row) => row.trigger.topic))];
  }

  /** Whether any trigger listens to the topic, given as its levels; asked before a payload is parsed. */
  listensTo(topic: readonly string[], filters: ReadonlySet<string> | null): boolean {
    return this.#rows.some((row) => row.listens(topic, filters));
  }

  /**
   * `filters`: the subscriptions that this copy of the message was delivered for, null when the
   * broker does not say; with overlapping subscriptions a broker may send one copy for each.
   */
  firings(filters: ReadonlySet<string> | null, event: MqttEvent): Firing[] {
    return this.#rows
      .filter((row) => row.listens(event.topic, filters))
      .flatMap((row) => row.decide(event));
  }
}

interface Row {
  readonly trigger: MqttTrigger;
  listens(topic: readonly string[], filters: ReadonlySet<string> | null): boolean;
  decide(event: MqttEvent): Firing[];
}

function compileRow(trigger: MqttTrigger): Row {
  if (!isTopicFilter(trigger.topic)) throw new Error(`${trigger.topic} is not a topic filter`);
  const levels = trigger.topic.split("/");
  const condition = trigger.condition === "" ? null : compileExpression(trigger.condition);
  return {
    trigger,
    listens: (topic, filters) =>
      (filters === null || filters.has(trigger.topic)) && coversLevels(levels, topic),
    decide: (event) => decide(trigger, condition, event),
  };
}

function decide(trigger: MqttTrigger, condition: Template | null, event: MqttEvent): Firing[] {
  if (condition === null) return [{ trigger, error: null }];
  try {
    return evaluateCondition(condition, { event }) ? [{ trigger, error: null }] : [];
  } catch (error) {
    return [{ trigger, error: asError(error) }];
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
