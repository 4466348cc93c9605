import { Cancel, Dispatch, type DispatchReply, Signed } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { CohortError, problem, refuse } from "@cohort/proto/problem";
import { type DownVerb, subjects } from "@cohort/proto/subjects";
import { type NatsConnection, NoRespondersError, nuid, TimeoutError } from "@nats-io/nats-core";
import { inputs } from "./inputs.ts";

/** Signs a command for one node: over dispatchProof(subject, payload), by the coordinator's key. */
export type SignCommand = (subject: string, payload: Uint8Array) => Uint8Array;

/** Sends signed commands to nodes over a connection that stands. */
export class Commands {
  readonly #connection: NatsConnection;
  readonly #sign: SignCommand;

  constructor(connection: NatsConnection, sign: SignCommand) {
    this.#connection = connection;
    this.#sign = sign;
  }

  dispatch(node: string, dispatch: Dispatch): Promise<DispatchReply> {
    return this.#send(node, "dispatch", Dispatch.encode(dispatch).finish());
  }

  async cancel(node: string, cancel: Cancel): Promise<void> {
    const { problems } = await this.#send(node, "cancel", Cancel.encode(cancel).finish());
    if (problems.length > 0) throw new CohortError(problems);
  }

  async #send(node: string, verb: DownVerb, payload: Uint8Array): Promise<DispatchReply> {
    const subject = subjects.down(node, verb);
    const signed = Signed.encode({ payload, signature: this.#sign(subject, payload) }).finish();
    if (signed.length > limits.messageBytesMax) {
      return refused(refuse("LIMIT_EXCEEDED", `the ${verb} does not fit a message of the bus`));
    }
    try {
      const answer = await this.#connection.request(subject, signed, {
        timeout: limits.dispatchAnswerMs,
        noMux: true,
        reply: answerSubject(node),
      });
      return inputs.dispatchReply(answer.data);
    } catch (error) {
      return refused(error instanceof CohortError ? error : unreachable(node, error));
    }
  }
}

/**
 * A node may publish below its own name only, so that is where its answer has to go; nobody else
 * can answer for it.
 */
function answerSubject(node: string): string {
  return `mesh.up.${node}.answer.${nuid.next()}`;
}

function refused(error: CohortError): DispatchReply {
  return { problems: [...error.problems] };
}

function unreachable(node: string, error: unknown): CohortError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const reason =
    cause instanceof NoRespondersError
      ? "is not connected"
      : cause instanceof TimeoutError
        ? `did not answer within ${limits.dispatchAnswerMs} ms`
        : "could not be asked";
  return new CohortError([problem("UNREACHABLE", `${node} ${reason}`)], { cause: error });
}
