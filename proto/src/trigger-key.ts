import { ExpressionError, type Template } from "./expression.ts";
import { limits } from "./limits.ts";

/**
 * What tells the events of a trigger apart, as text. Throws ExpressionError where the expression has no
 * value for the event, or one that is empty or longer than `limits.triggerKeyLengthMax`.
 */
export function triggerKey(key: Template, event: unknown): string {
  const value = key.evaluate({ event });
  const text = (typeof value === "string" ? value : JSON.stringify(value)).toWellFormed();
  if (text.length >= 1 && text.length <= limits.triggerKeyLengthMax) return text;
  const message = `the key has ${text.length} characters; it may have 1 to ${limits.triggerKeyLengthMax}`;
  throw new ExpressionError(message, 0);
}
