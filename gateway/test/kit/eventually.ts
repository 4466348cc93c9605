import { setTimeout as delay } from "node:timers/promises";

/** Tries until the assertion holds; throws its last error after `withinMs`. */
export async function eventually<Value>(
  assertion: () => Value | Promise<Value>,
  withinMs = 10_000,
): Promise<Value> {
  const end = Date.now() + withinMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await delay(20);
  }
}
