import { covers, isTopicFilter, isTopicName } from "../topic-filter.ts";
import type { BrokerUser } from "./users.ts";

/** A will or a publication to this topic; `$SYS` is the broker's own whatever the file says. */
export function mayPublish(user: BrokerUser, topic: string): boolean {
  return isTopicName(topic) && !isReserved(topic) && coveredBy(user.publish, topic);
}

/**
 * A subscription is allowed when some filter of the user covers all that it could match, so `#`
 * needs `#`. The broker has no shared subscriptions: `$share/...` would be a way around the rule.
 */
export function maySubscribe(user: BrokerUser, filter: string): boolean {
  return isTopicFilter(filter) && !isReserved(filter) && coveredBy(user.subscribe, filter);
}

function coveredBy(filters: readonly string[], requested: string): boolean {
  return filters.some((filter) => covers(filter, requested));
}

function isReserved(topic: string): boolean {
  return /^\$(?:SYS|share|queue)(?:\/|$)/i.test(topic);
}
