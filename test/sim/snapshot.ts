import type { State } from "../../coordinator/src/state/state.ts";

/**
 * The state as a text, for comparison: order counts, since scheduling follows it. Compiled workflows
 * follow from their definitions and are left out.
 */
export function snapshot({ catalogue, ...rest }: State): string {
  const { compiled: _, ...definitions } = catalogue;
  return asText({ ...rest, definitions });
}

/** What is equal, and in the same order, has the same text. */
export function asText(value: unknown): string {
  return JSON.stringify(value, plain);
}

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Map) return [...value];
  if (value instanceof Set) return [...value];
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return value;
}

/** Where two texts part, with some of what stands around it. */
export function difference(a: string, b: string): string {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const around = (text: string) => text.slice(Math.max(0, at - 80), at + 80);
  return `...${around(a)}...\n  is not\n  ...${around(b)}...`;
}
