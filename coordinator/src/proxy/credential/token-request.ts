import type { Header } from "@cohort/proto/gen/cohort/node";
import { parseJson } from "@cohort/proto/json";
import { CohortError, refuse } from "@cohort/proto/problem";
import type { Service } from "@cohort/proto/resources/service";
import type { AuthOf } from "@cohort/proto/resources/service/auth";
import * as z from "zod";
import { wholeBody } from "../body.ts";
import type { Egress } from "../egress/egress.ts";
import { proxyLimits } from "../limits.ts";
import { noCredential, unfit } from "./kind.ts";

export interface AccessToken {
  /** The owner wipes it. */
  readonly value: Buffer;
  readonly lifetimeMs: number;
}

/**
 * Asks for an access token with client credentials (RFC 6749 section 4.4), through the same egress
 * as calls. Throws SECRET_UNAVAILABLE when the client is refused, UPSTREAM_INVALID for an answer
 * that is no token, and what the egress met.
 */
export async function requestToken(
  egress: Egress,
  service: Service,
  auth: AuthOf<"oauth2">,
  secret: Buffer,
): Promise<AccessToken> {
  const { origin, pathname } = new URL(auth.token_url);
  const { headers, body } = formOf(auth, secret);
  try {
    const answered: Buffer[] = [];
    const outcome = await egress.call(
      {
        service: { ...service, base_url: origin, limits: { ...service.limits, ...tokenLimits } },
        method: "POST",
        path: pathname,
        headers,
        body: wholeBody(body),
        credential: noCredential,
      },
      {
        head: () => {},
        data: (chunk) => void answered.push(chunk),
        ended: () => undefined,
      },
      new AbortController().signal,
    );
    if (outcome.kind !== "answered") throw new CohortError([outcome.problem]);
    const token = tokenOf(outcome.status, Buffer.concat(answered));
    for (const chunk of answered) chunk.fill(0);
    return token;
  } finally {
    body.fill(0);
  }
}

const tokenLimits = {
  timeout: proxyLimits.accessTokenRequestMs,
  request: proxyLimits.accessTokenBytesMax,
  response: proxyLimits.accessTokenBytesMax,
};

function formOf(auth: AuthOf<"oauth2">, secret: Buffer): { headers: Header[]; body: Buffer } {
  const text = secret.toString("utf8");
  if (secret.length === 0 || !Buffer.from(text).equals(secret)) throw unfit("it is text");
  const { client_id, client_auth, scope, audience } = auth;
  const form = new URLSearchParams({ grant_type: "client_credentials" });
  if (scope !== undefined) form.set("scope", scope);
  if (audience !== undefined) form.set("audience", audience);
  const headers = [
    { name: "accept", value: "application/json" },
    { name: "content-type", value: "application/x-www-form-urlencoded" },
    { name: "user-agent", value: "cohort" },
  ];
  if (client_auth === "body") {
    form.set("client_id", client_id);
    form.set("client_secret", text);
  } else {
    // RFC 6749 section 2.3.1: both are form-encoded before they become user name and password.
    const pair = Buffer.from(`${formEncoded(client_id)}:${formEncoded(text)}`);
    headers.push({ name: "authorization", value: `Basic ${pair.toString("base64")}` });
    pair.fill(0);
  }
  return { headers, body: Buffer.from(form.toString()) };
}

function formEncoded(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}

/** RFC 6749 section 5.1. */
const tokenAnswer = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]+$/),
  token_type: z.string().regex(/^bearer$/i),
  expires_in: z.coerce.number().positive().optional(),
});

/** RFC 6749 section 5.2: the only words of a refusal that are passed on. */
const refusals = [
  "invalid_request",
  "invalid_client",
  "invalid_grant",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
];

function tokenOf(status: number, body: Buffer): AccessToken {
  const answer = parseJson(body.toString());
  body.fill(0);
  if (status !== 200) throw refusedClient(status, answer);
  const read = tokenAnswer.safeParse(answer);
  if (!read.success) {
    throw refuse("UPSTREAM_INVALID", "the service's token server answered with no bearer token");
  }
  const { access_token, expires_in } = read.data;
  const lifetimeMs =
    expires_in === undefined ? proxyLimits.accessTokenDefaultMs : Math.floor(expires_in * 1000);
  return { value: Buffer.from(access_token), lifetimeMs };
}

function refusedClient(status: number, answer: unknown): Error {
  const said = (answer as { error?: unknown } | null)?.error;
  const reason = refusals.find((it) => it === said);
  const message = `the service's token server answered ${status}`;
  if (reason === undefined && status >= 500) return refuse("UPSTREAM_INVALID", message);
  return refuse("SECRET_UNAVAILABLE", reason === undefined ? message : `${message}: ${reason}`, {
    hint: "correct `auth` of the service, or set the client's secret again",
  });
}
