import type { Header } from "@cohort/proto/gen/cohort/node";
import { CohortError, type Problem, problem } from "@cohort/proto/problem";
import type { Service } from "@cohort/proto/resources/service";
import type { Admitted } from "./admit.ts";
import { type CredentialSources, withCredential } from "./credential/credential.ts";
import type { Egress } from "./egress/egress.ts";
import type { Exchange } from "./egress/exchange.ts";
import { responseHeaders } from "./headers.ts";
import { scrub } from "./scrub.ts";

/** What became of a call. */
export interface Outcome {
  /** Whether a byte of the request may have left. */
  readonly sent: boolean;
  /** null when the service answered, whatever its status, and the answer is fit to pass on. */
  readonly problem: Problem | null;
  /** 0 when there was no answer. */
  readonly status: number;
  readonly headers: Header[];
  readonly body: Uint8Array;
  readonly bytesIn: number;
}

/**
 * Lends the credential to the call, makes it, and takes the credential out of the answer. Where the
 * service does not accept an access token that was kept, the call is made once more with a new one.
 */
export async function perform(
  call: Admitted,
  sources: CredentialSources,
  egress: Egress,
): Promise<Outcome> {
  const calledMs = sources.nowMs();
  const first = await performOnce(call, sources, egress);
  const { auth, name } = call.service;
  if (auth.type !== "oauth2" || first.status !== 401) return first;
  if (!sources.accessTokens.rejected(name, calledMs)) return first;
  const second = await performOnce(call, sources, egress);
  return { ...second, sent: true, bytesIn: first.bytesIn + second.bytesIn };
}

async function performOnce(
  call: Admitted,
  sources: CredentialSources,
  egress: Egress,
): Promise<Outcome> {
  const { service, method, path, body } = call;
  const headers = [...call.headers, { name: "user-agent", value: "cohort" }];
  let lent = false;
  try {
    return await withCredential(service, sources, async (credential) => {
      lent = true;
      const exchange = await egress.call({ service, method, path, headers, body, credential });
      return scrubbed(outcomeOf(exchange), credential.secrets);
    });
  } catch (error) {
    if (lent) throw error;
    return withoutCredential(error, service);
  }
}

function outcomeOf(exchange: Exchange): Outcome {
  if (exchange.kind === "answered") {
    const { status, headers, body } = exchange;
    return {
      sent: true,
      problem: null,
      status,
      headers: responseHeaders(headers),
      body,
      bytesIn: body.length,
    };
  }
  return { ...failure(exchange.problem, exchange.kind === "failed"), bytesIn: exchange.bytesIn };
}

function scrubbed(outcome: Outcome, secrets: readonly Buffer[]): Outcome {
  let { headers, body } = outcome;
  let hits = 0;
  for (const secret of secrets) {
    const clean = scrub(headers, Buffer.from(body), secret);
    ({ headers, body } = clean);
    hits += clean.hits;
  }
  if (hits === 0) return outcome;
  const message = "the service's answer carried its credential, which was taken out";
  return { ...outcome, headers, body, problem: problem("UPSTREAM_INVALID", message) };
}

/** The call fails closed, in words that are the same whatever is wrong with the secret. */
function withoutCredential(error: unknown, { name }: Service): Outcome {
  if (!(error instanceof CohortError)) throw error;
  if (error.code !== "SECRET_UNAVAILABLE") {
    const [first = problem(error.code, error.message)] = error.problems;
    return failure(first, false);
  }
  const hint = error.problems[0]?.hint ?? "";
  const message = `service ${name} cannot be given its credential`;
  return failure(problem("SECRET_UNAVAILABLE", message, { hint }), false);
}

function failure(what: Problem, sent: boolean): Outcome {
  return { sent, problem: what, status: 0, headers: [], body: new Uint8Array(), bytesIn: 0 };
}
