/**
 * MQTT topic filters (MQTT 5 §4.7). Topics that begin with `$` are the broker's own: no wildcard in
 * the first level reaches them.
 */

/**
 * Whether everything that `requested` can match is matched by `allowed` too. A topic is a filter
 * without wildcards, so this decides publications and subscriptions alike.
 */
export function covers(allowed: string, requested: string): boolean {
  return coversLevels(allowed.split("/"), requested.split("/"));
}

/** The same for topics and filters that are split into levels already. */
export function coversLevels(allowed: readonly string[], requested: readonly string[]): boolean {
  if (requested[0]?.startsWith("$") && allowed[0] !== requested[0]) return false;
  for (const [at, level] of allowed.entries()) {
    // "a/#" matches "a" itself as well (§4.7.1.2).
    if (level === "#") return true;
    const other = requested[at];
    if (other === undefined || other === "#") return false;
    if (level !== "+" && level !== other) return false;
  }
  return requested.length === allowed.length;
}

/** "#" last and alone in its level, "+" alone in its level, not empty, no NUL. */
export function isTopicFilter(text: string): boolean {
  if (text === "" || text.includes("\0")) return false;
  const levels = text.split("/");
  return levels.every((level, at) => {
    if (level === "#") return at === levels.length - 1;
    return level === "+" || !/[+#]/.test(level);
  });
}

/** A topic that can be published to. */
export function isTopicName(text: string): boolean {
  return isTopicFilter(text) && !/[+#]/.test(text);
}
