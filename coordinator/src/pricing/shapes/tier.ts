import type { Fields } from "./shape.ts";

/**
 * The tier whose prices the table has, said in every request: left out, the provider takes what is
 * set for the whole account, which may be a dearer one. Of others, nobody knows what it would mean.
 */
export function withTier({ service_tier: _, ...body }: Fields, provider: string): Fields {
  const tier = tiers[provider];
  return tier === undefined ? body : { ...body, service_tier: tier };
}

const tiers: Readonly<Record<string, string | undefined>> = {
  openai: "default",
  anthropic: "standard_only",
  groq: "on_demand",
};

/** Whether an answer was made at the prices of the table, or cheaper. */
export function isKnownTier(tier: unknown): boolean {
  return tier === undefined || tier === null || (typeof tier === "string" && known.has(tier));
}

const known = new Set([
  "default",
  "standard",
  "standard_only",
  "on_demand",
  "flex",
  "batch",
  "ON_DEMAND",
]);
