/**
 * Known bugs, planted in the simulator's own wiring to show that it would find them. The product
 * has no switch for them.
 */
export const plants = [
  "dispatch-before-durable",
  "node-forgets-attempts",
  "superseded-results",
  "greedy-acknowledgement",
  "no-resend",
  "holds-forgotten",
  "clones-believed",
] as const;

export type Plant = (typeof plants)[number];

export function isPlant(text: string): text is Plant {
  return (plants as readonly string[]).includes(text);
}
