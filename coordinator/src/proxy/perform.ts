import { CohortError, type Problem, problem, refuse } from "@cohort/proto/problem";
import type { Service } from "@cohort/proto/resources/service";
import type { Meter } from "../pricing/meter.ts";
import type { Admitted } from "./admit.ts";
import type { Answer } from "./answer.ts";
import { type CredentialSources, withCredential } from "./credential/credential.ts";
import type { Egress } from "./egress/egress.ts";
import type { AnswerReceiver, Exchange } from "./egress/exchange.ts";
import { responseHeaders } from "./headers.ts";
import { createRedactor, type Redactor } from "./redact.ts";
import { createScrub, noScrub, type Scrub } from "./scrub.ts";

/** What became of a call. */
export interface Outcome {
  /** Whether a byte of the request may have left. */
  readonly sent: boolean;
  /** null when the service answered, whatever its status, and all of that was passed on. */
  readonly problem: Problem | null;
  /** 0 when there was no answer. */
  readonly status: number;
  readonly bytesIn: number;
}

export interface Performance {
  readonly sources: CredentialSources;
  readonly egress: Egress;
  readonly answer: Answer;
  readonly meter: Meter;
  /** Breaks the call off; its reason is a CohortError. */
  readonly cancel: AbortSignal;
}

/**
 * Lends the credential to the call, makes it, and passes the answer on without the credential. Where
 * the service does not accept an access token that was kept, and all of the body is there to be sent
 * again, the call is made once more with a new one.
 */
export async function perform(call: Admitted, performance: Performance): Promise<Outcome> {
  const { accessTokens, nowMs } = performance.sources;
  const { auth, name } = call.service;
  const calledMs = nowMs();
  let again = false;
  const first = await performOnce(call, performance, (status) => {
    const repeatable = auth.type === "oauth2" && call.body.whole !== null;
    again = repeatable && status === 401 && accessTokens.rejected(name, calledMs);
    return !again;
  });
  if (!again) return first;
  const second = await performOnce(call, performance, () => true);
  return { ...second, sent: true, bytesIn: first.bytesIn + second.bytesIn };
}

/** `isWanted` says of an answer's status whether it is passed on. */
async function performOnce(
  call: Admitted,
  { sources, egress, answer, meter, cancel }: Performance,
  isWanted: (status: number) => boolean,
): Promise<Outcome> {
  const { service, method, path, body } = call;
  const headers = [...call.headers, { name: "user-agent", value: "cohort" }];
  let lent = false;
  try {
    return await withCredential(service, sources, async (credential) => {
      lent = true;
      const scrub = credential.secrets.length === 0 ? noScrub : createScrub(credential.secrets);
      const outbound = { service, method, path, headers, body, credential };
      const redactor = createRedactor(service.redact);
      const passing = receiver({ answer, meter, scrub, redactor, isWanted });
      return outcomeOf(await egress.call(outbound, passing, cancel));
    });
  } catch (error) {
    if (lent) throw error;
    return withoutCredential(error, service);
  }
}

interface Passage extends Pick<Performance, "answer" | "meter"> {
  readonly scrub: Scrub;
  readonly redactor: Redactor;
  readonly isWanted: (status: number) => boolean;
}

/** What comes passes the scrub, then the meter, then goes on without what no step is told. */
function receiver({ answer, meter, scrub, redactor, isWanted }: Passage): AnswerReceiver {
  let wanted = true;
  const broken = (reason: CohortError) => {
    answer.broken();
    return reason;
  };
  const pass = (bytes: Buffer) => {
    if (bytes.length === 0) return undefined;
    const verdict = meter.onChunk(bytes);
    const plain = redactor.next(bytes);
    const taken = plain.length === 0 ? undefined : answer.data(plain);
    if (verdict === "cut") throw broken(cut());
    return taken;
  };
  /** What came before the credential is passed on, and nothing after it. */
  const end = (taken: Promise<void> | undefined): Promise<void> | undefined => {
    if (scrub.hits === 0) return taken;
    throw broken(echoed());
  };
  return {
    head(status, headers) {
      wanted = isWanted(status);
      if (!wanted) return;
      const passed = responseHeaders(headers);
      meter.onHead(passed.find(({ name }) => name === "content-type")?.value ?? "");
      const clean = redactor.headers(passed).map(({ name, value }) => ({
        name,
        value: scrub.text(value),
      }));
      answer.head(status, clean);
      end(undefined);
    },
    data: (chunk) => (wanted ? end(pass(scrub.next(chunk))) : undefined),
    ended() {
      if (!wanted) return undefined;
      const taken = end(pass(scrub.end()));
      const rest = redactor.end();
      const last = rest.length === 0 ? taken : answer.data(rest);
      answer.ended();
      return last;
    },
  };
}

function outcomeOf(exchange: Exchange): Outcome {
  const { status, bytesIn } = exchange;
  if (exchange.kind === "answered") return { sent: true, problem: null, status, bytesIn };
  return { sent: exchange.kind === "failed", problem: exchange.problem, status, bytesIn };
}

/** The call fails closed, in words that are the same whatever is wrong with the secret. */
function withoutCredential(error: unknown, { name }: Service): Outcome {
  if (!(error instanceof CohortError)) throw error;
  if (error.code !== "SECRET_UNAVAILABLE") {
    const [first = problem(error.code, error.message)] = error.problems;
    return unsent(first);
  }
  const hint = error.problems[0]?.hint ?? "";
  const message = `service ${name} cannot be given its credential`;
  return unsent(problem("SECRET_UNAVAILABLE", message, { hint }));
}

function unsent(what: Problem): Outcome {
  return { sent: false, problem: what, status: 0, bytesIn: 0 };
}

function echoed(): CohortError {
  const message = "the service's answer carried its credential, where it was broken off";
  return refuse("UPSTREAM_INVALID", message);
}

function cut(): CohortError {
  return refuse(
    "BUDGET_EXHAUSTED",
    "the answer was cut off where it would have cost more than was reserved",
    {
      hint: "ask for less at once, or raise the budget",
    },
  );
}
