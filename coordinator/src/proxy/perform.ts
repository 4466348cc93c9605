import type { Header } from "@cohort/proto/gen/cohort/node";
import { CohortError, type Problem, problem } from "@cohort/proto/problem";
import type { Service } from "@cohort/proto/resources/service";
import type { Admitted } from "./admit.ts";
import { credentialHeader, inject, type KeyedAuth } from "./credential.ts";
import type { Egress } from "./egress/egress.ts";
import type { Exchange } from "./egress/exchange.ts";
import { responseHeaders } from "./headers.ts";
import type { SecretLender } from "./proxy.ts";
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

/** Lends the credential to the call, makes it, and takes the credential out of the answer. */
export async function perform(
  call: Admitted,
  vault: SecretLender,
  egress: Egress,
): Promise<Outcome> {
  const { service } = call;
  if (service.auth.type === "none") return outcomeOf(await send(call, egress, call.headers, ""));
  let lent = false;
  try {
    return await vault.withSecret(service.auth.secret, service.name, async (secret) => {
      const credential = credentialHeader(service.auth as KeyedAuth, secret);
      const id = Buffer.from(vault.keyedHash("proxy-connection", secret)).toString("hex");
      lent = true;
      const headers = inject(call.headers, credential);
      return scrubbed(outcomeOf(await send(call, egress, headers, id)), secret);
    });
  } catch (error) {
    if (lent) throw error;
    return withoutCredential(error, service);
  }
}

async function send(
  { service, method, path, body }: Admitted,
  egress: Egress,
  headers: readonly Header[],
  credentialId: string,
): Promise<Exchange> {
  const own = [...headers, { name: "user-agent", value: "cohort" }];
  return egress.call({ service, method, path, headers: own, body, credentialId });
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

function scrubbed(outcome: Outcome, secret: Buffer): Outcome {
  const { headers, body, hits } = scrub(outcome.headers, Buffer.from(outcome.body), secret);
  if (hits === 0) return outcome;
  const message = "the service's answer carried its credential, which was taken out";
  return { ...outcome, headers, body, problem: problem("UPSTREAM_INVALID", message) };
}

/** The call fails closed, in words that are the same whatever is wrong with the secret. */
function withoutCredential(error: unknown, { name }: Service): Outcome {
  if (!(error instanceof CohortError)) throw error;
  if (error.code === "VAULT_SEALED") return failure(problem("VAULT_SEALED", error.message), false);
  const hint = error.problems[0]?.hint ?? "";
  const message = `service ${name} cannot be given its credential`;
  return failure(problem("SECRET_UNAVAILABLE", message, { hint }), false);
}

function failure(what: Problem, sent: boolean): Outcome {
  return { sent, problem: what, status: 0, headers: [], body: new Uint8Array(), bytesIn: 0 };
}
