import {
  Cancel,
  type Dispatch,
  type DispatchReply,
  Greet,
  Signed,
  Update,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { CohortError, type Problem, refuse } from "@cohort/proto/problem";
import { subjects } from "@cohort/proto/subjects";
import { inputs } from "./inputs.ts";
import { answersOf, parcelsOf } from "./parcels.ts";
import type { Questions } from "./questions.ts";

/** Signs a command for one node: over dispatchProof(subject, payload), by the coordinator's key. */
export type SignCommand = (subject: string, payload: Uint8Array) => Uint8Array;

/** Sends signed commands to nodes over a connection that stands. */
export class Commands {
  readonly #questions: Questions;
  readonly #sign: SignCommand;
  readonly #instanceOf: (node: string) => string;

  constructor(questions: Questions, sign: SignCommand, instanceOf: (node: string) => string) {
    this.#questions = questions;
    this.#sign = sign;
    this.#instanceOf = instanceOf;
  }

  /** The problems of each dispatch, in their order. */
  async dispatch(
    node: string,
    dispatches: readonly Dispatch[],
  ): Promise<readonly (readonly Problem[])[]> {
    const subject = subjects.dispatch(node, this.#instanceOf(node));
    const answers = parcelsOf(dispatches).map(async (parcel) =>
      answersOf(parcel, await this.#send(node, subject, parcel.payload)),
    );
    return (await Promise.all(answers)).flat();
  }

  async cancel(node: string, cancel: Cancel): Promise<void> {
    const { problems } = await this.#send(
      node,
      subjects.down(node, "cancel"),
      Cancel.encode(cancel).finish(),
    );
    if (problems.length > 0) throw new CohortError(problems);
  }

  /** Whoever answers first does so for all: what counts is the hello that follows. */
  async greet(node: string): Promise<void> {
    await this.#send(node, subjects.down(node, "greet"), Greet.encode({}).finish());
  }

  async update(node: string, update: Update): Promise<void> {
    const subject = subjects.down(node, "update");
    const { problems } = await this.#send(node, subject, Update.encode(update).finish());
    if (problems.length > 0) throw new CohortError(problems);
  }

  async #send(node: string, subject: string, payload: Uint8Array): Promise<DispatchReply> {
    const signed = Signed.encode({ payload, signature: this.#sign(subject, payload) }).finish();
    try {
      if (signed.length > limits.messageBytesMax) {
        throw refuse("LIMIT_EXCEEDED", `the command does not fit a message of the bus`);
      }
      return inputs.dispatchReply(await this.#questions.ask(node, subject, signed));
    } catch (error) {
      if (error instanceof CohortError) return { problems: [...error.problems], refusals: [] };
      throw error;
    }
  }
}
