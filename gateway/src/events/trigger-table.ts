import {
  compileExpression,
  compileTemplate,
  evaluateCondition,
  type Template,
} from "@cohort/proto/expression";
import type { MqttTrigger, TriggerSet } from "@cohort/proto/gen/cohort/console";
import { triggerKey } from "@cohort/proto/trigger-key";
import { coversLevels, isTopicFilter } from "../topic-filter.ts";
import { Debounce } from "./debounce.ts";

/** The event as conditions see it, under the name `event`, and as the coordinator gets it. */
export interface MqttEvent {
  readonly source: "mqtt";
  readonly topic: readonly string[];
  readonly payload: unknown;
  readonly at_ms: number;
}

/** Which trigger a message fires, or why its condition or its key could not be evaluated. */
export type Firing =
  | { readonly trigger: MqttTrigger; readonly error: null }
  | { readonly trigger: MqttTrigger; readonly error: Error };

/** The triggers of all workflows, with their expressions compiled once. */
export class TriggerTable {
  readonly #rows: readonly Row[];

  /**
   * `onInvalid` hears of triggers that cannot be used; the others stand. A trigger that stood in `former`
   * in the same words keeps what it knows of its rests.
   */
  constructor(
    set: TriggerSet,
    former: TriggerTable | null,
    onInvalid: (trigger: MqttTrigger, error: Error) => void,
  ) {
    const formerRows = former === null ? [] : former.#rows;
    const rests = new Map(formerRows.map((row) => [textOf(row.trigger), row.debounce]));
    this.#rows = set.mqtt.flatMap((trigger) => {
      try {
        return [compileRow(trigger, rests.get(textOf(trigger)) ?? null)];
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
  readonly debounce: Debounce | null;
  listens(topic: readonly string[], filters: ReadonlySet<string> | null): boolean;
  decide(event: MqttEvent): Firing[];
}

function compileRow(trigger: MqttTrigger, former: Debounce | null): Row {
  if (!isTopicFilter(trigger.topic)) throw new Error(`${trigger.topic} is not a topic filter`);
  const levels = trigger.topic.split("/");
  const condition = trigger.condition === "" ? null : compileExpression(trigger.condition);
  const key = trigger.key === "" ? null : compileTemplate(trigger.key);
  const debounce = trigger.debounceMs === 0 ? null : (former ?? new Debounce(trigger.debounceMs));
  return {
    trigger,
    debounce,
    listens: (topic, filters) =>
      (filters === null || filters.has(trigger.topic)) && coversLevels(levels, topic),
    decide: (event) => decide({ trigger, condition, key, debounce }, event),
  };
}

interface Decider extends Pick<Row, "trigger" | "debounce"> {
  readonly condition: Template | null;
  readonly key: Template | null;
}

function decide({ trigger, condition, key, debounce }: Decider, event: MqttEvent): Firing[] {
  try {
    if (condition !== null && !evaluateCondition(condition, { event })) return [];
    const text = key === null ? "" : triggerKey(key, event);
    if (debounce !== null && !debounce.passes(text, event.at_ms)) return [];
    return [{ trigger, error: null }];
  } catch (error) {
    return [{ trigger, error: asError(error) }];
  }
}

function textOf(trigger: MqttTrigger): string {
  return JSON.stringify(trigger);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
