import type { InternalSecrets } from "../../src/setup/internal-secrets.ts";

/** Keeps secrets for the length of a test. */
export function memoryVault(): InternalSecrets & { readonly secrets: Map<string, Buffer> } {
  const secrets = new Map<string, Buffer>();
  return {
    secrets,
    internal(name, make) {
      const value = secrets.get(name) ?? make();
      secrets.set(name, value);
      return value;
    },
  };
}
