import { limits } from "./limits.ts";

/** Where a secret lies in the vault: two or more lower-case names joined by "/". */
export function isSecretPath(text: string): boolean {
  return (
    text.length <= limits.secretPathLengthMax &&
    /^[a-z0-9][a-z0-9-]*(?:\/[a-z0-9][a-z0-9-]*)+$/.test(text)
  );
}

/** As whom the coordinator asks the vault for the keys of webhooks; no service has this name. */
export const webhookReader = "webhook";
