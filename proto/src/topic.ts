import { limits } from "./limits.ts";
import { neutralise } from "./text.ts";

/**
 * Why a message cannot be published to a topic, null when it can. Stricter than MQTT 5 section 4.7:
 * topics that begin with "$" are brokers' own, and what cannot be seen has no place in a name.
 */
export function topicFault(topic: string): string | null {
  if (topic === "") return "the topic is empty";
  if (topic.startsWith("$")) return 'topics that begin with "$" are the broker\'s own';
  if (/[+#]/.test(topic)) return 'the topic holds "+" or "#", which stand for many topics';
  if (neutralise(topic) !== topic) return "the topic holds characters that cannot be seen";
  if (new TextEncoder().encode(topic).length > limits.topicBytesMax) {
    return `the topic is longer than ${limits.topicBytesMax} bytes`;
  }
  if (levelsOf(topic) > limits.topicLevelsMax) {
    return `the topic has more than ${limits.topicLevelsMax} levels`;
  }
  return null;
}

/** The same for a topic with expressions, as far as it is certain before they have values. */
export function topicTemplateFault(template: string): string | null {
  return topicFault(withoutExpressions(template));
}

/**
 * Why the topic that a template has become cannot be published to. Data that stands among other text
 * may fill a level, not add one: it would choose another topic than the one that was meant.
 */
export function evaluatedTopicFault(template: string, topic: string): string | null {
  const pattern = withoutExpressions(template);
  if (pattern !== placeholder && levelsOf(pattern) !== levelsOf(topic)) {
    return 'a value in the topic holds "/", which would make it another topic';
  }
  return topicFault(topic);
}

const placeholder = "x";

function withoutExpressions(template: string): string {
  return template.replace(/\$\{\{[\s\S]*?\}\}/g, placeholder);
}

function levelsOf(topic: string): number {
  return topic.split("/").length;
}
