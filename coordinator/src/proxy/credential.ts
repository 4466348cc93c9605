import type { Header } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import type { Service } from "@cohort/proto/resources/service";
import { isHeaderValue } from "./headers.ts";
import { proxyLimits } from "./limits.ts";

export type KeyedAuth = Exclude<Service["auth"], { type: "none" }>;

/**
 * The header that carries the secret. HTTP libraries take texts alone, so that a copy of the secret
 * lives in one for the time of the call. Throws SECRET_UNAVAILABLE when it can't be in a header.
 */
export function credentialHeader(auth: KeyedAuth, secret: Buffer): Header {
  const value = secret.toString("latin1");
  const fits = secret.length > 0 && secret.length <= proxyLimits.credentialBytesMax;
  if (!fits || !isHeaderValue(value)) {
    throw refuse("SECRET_UNAVAILABLE", "the service's secret cannot be sent in a header", {
      hint: "it must be printable ASCII on one line; set it again",
    });
  }
  if (auth.type === "bearer") return { name: "authorization", value: `Bearer ${value}` };
  return { name: auth.header, value };
}

/** Overwrites what the request says under the same name. */
export function inject(headers: readonly Header[], credential: Header): Header[] {
  return [...headers.filter(({ name }) => name !== credential.name), credential];
}
