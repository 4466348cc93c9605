import type { Service } from "@cohort/proto/resources/service";
import type { Auth } from "@cohort/proto/resources/service/auth";
import { injectionOf } from "../injection.ts";
import type { SecretLender } from "../proxy.ts";
import type { AccessTokens } from "./access-tokens.ts";
import { awsSigV4 } from "./aws-sigv4.ts";
import { basic } from "./basic.ts";
import { bearer, ownHeader } from "./header.ts";
import { hmac } from "./hmac.ts";
import { type Credential, type Made, noCredential } from "./kind.ts";
import { mtls } from "./mtls.ts";
import { pathSegment } from "./path-segment.ts";
import { queryParameter } from "./query-parameter.ts";

export interface CredentialSources {
  readonly vault: SecretLender;
  readonly accessTokens: AccessTokens;
  readonly nowMs: () => number;
}

/**
 * Lends the service's credential for as long as `use` runs. Throws SECRET_UNAVAILABLE or
 * VAULT_SEALED before it calls `use`, and what a token server's failure means.
 */
export async function withCredential<T>(
  service: Service,
  { vault, accessTokens, nowMs }: CredentialSources,
  use: (credential: Credential) => Promise<T>,
): Promise<T> {
  const { auth, name } = service;
  if (auth.type === "none") return use(noCredential);
  const destination = { service: name, injection: injectionOf(service) };
  return vault.withSecret(auth.secret, destination, async (secret) => {
    const id = Buffer.from(vault.keyedHash("proxy-connection", secret)).toString("hex");
    const lend = async ({ sign, certificate, secrets = [] }: Made) => {
      try {
        return await use({
          sign: sign === undefined ? noCredential.sign : (request) => sign(request, nowMs()),
          certificate: certificate ?? null,
          // The key of a certificate is never sent, so that no answer can have it.
          secrets: certificate === undefined ? [secret, ...secrets] : [],
          id,
        });
      } finally {
        for (const made of secrets) made.fill(0);
      }
    };
    if (auth.type !== "oauth2") return lend(make(auth, secret));
    const key = { service, auth, secretId: id };
    return accessTokens.withToken(key, secret, (token) =>
      lend({ ...bearer(token), secrets: [token] }),
    );
  });
}

/** Whether the body must be there as a whole before the request can be signed. */
export function signsBody(auth: Auth): boolean {
  if (auth.type === "aws-sigv4") return true;
  if (auth.type !== "hmac") return false;
  return [auth.message, ...Object.values(auth.headers)].some((it) => it.includes("{body"));
}

function make(auth: Exclude<Auth, { type: "none" | "oauth2" }>, secret: Buffer): Made {
  switch (auth.type) {
    case "bearer":
      return bearer(secret);
    case "header":
      return ownHeader(auth, secret);
    case "basic":
      return basic(auth, secret);
    case "query":
      return queryParameter(auth, secret);
    case "path":
      return pathSegment(auth, secret);
    case "hmac":
      return hmac(auth, secret);
    case "aws-sigv4":
      return awsSigV4(auth, secret);
    case "mtls":
      return mtls(secret);
  }
}
