import type { SecretBinding } from "@cohort/proto/gen/cohort/ledger";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import type { Service } from "@cohort/proto/resources/service";

/**
 * How a service sends its credential: to which origin and in what form. A secret that was set when its
 * service was known is bound to this text, and is not lent for another.
 */
export function injectionOf({ base_url, auth }: Pick<Service, "base_url" | "auth">): string {
  return canonicalJson({ origin: new URL(base_url).origin, auth });
}

/** How those of the services that are known, and send the secret at the path, send it. */
export function bindingsOf(
  path: string,
  services: readonly string[],
  definition: (name: string) => Pick<Service, "base_url" | "auth"> | null,
): SecretBinding[] {
  return services.flatMap((service) => {
    const known = definition(service);
    if (known === null || !Object.values(known.auth).includes(path)) return [];
    return [{ service, injection: injectionOf(known) }];
  });
}
