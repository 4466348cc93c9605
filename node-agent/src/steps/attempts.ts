import {
  type AttemptKey,
  Cancel,
  Dispatch,
  Dispatches,
  type DispatchReply,
  type Finished,
  type InventoryItem,
  type Refusal,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { CohortError, type Problem, problem, refuse } from "@cohort/proto/problem";
import { attemptId } from "@cohort/proto/proof";
import { subjects } from "@cohort/proto/subjects";
import { ArtifactTransfer } from "../artifacts/artifacts.ts";
import type { AgentContext } from "../context.ts";
import { StepDevices } from "../devices/step-devices.ts";
import { assertIsolation } from "../facts.ts";
import { StepDoor } from "../shim/step-door.ts";
import { StepProxy } from "../shim/step-proxy.ts";
import { nextTurn } from "../wait.ts";
import { Execution } from "./execution.ts";
import { failure } from "./result.ts";
import { sandboxSpec } from "./sandbox-spec.ts";
import { decodeOrRefuse, openSigned, openToken } from "./verify.ts";

/** The attempts of this node: what runs, what may start, and what was told of it. */
export class Attempts {
  readonly #context: AgentContext;
  readonly #running = new Map<string, { key: AttemptKey; execution: Execution }>();
  readonly #superseded = new Set<string>();
  #stopping = false;

  /** Attempts that a crash of the agent interrupted get their result here. */
  constructor(context: AgentContext) {
    this.#context = context;
    for (const attempt of context.journal.unfinished()) {
      const message = "the node's agent ended while the step ran";
      this.#finish(attempt, failure("NODE_INTERRUPTED", message, null));
    }
  }

  get running(): number {
    return this.#running.size;
  }

  /** Of those that run. */
  keys(): AttemptKey[] {
    return [...this.#running.values()].map(({ key }) => key);
  }

  inventory(): InventoryItem[] {
    const running = this.keys().map((attempt) => ({ attempt, state: "running" }));
    const finished = this.#context.journal.finished();
    return [...running, ...finished.map((attempt) => ({ attempt, state: "finished" }))];
  }

  /**
   * Answers once all that it takes is on the disk; a second dispatch of the same is a yes too. The
   * answer waits for a turn, so that it leaves with the end of a step that takes no longer.
   */
  dispatch(bytes: Uint8Array): Promise<DispatchReply> {
    return answer(async () => {
      const { dispatches } = decodeOrRefuse("message", () =>
        Dispatches.decode(this.#open(this.#dispatchSubject, bytes)),
      );
      if (dispatches.length > limits.dispatchBatchMax) {
        throw refuse("DISPATCH_INVALID", `the message holds ${dispatches.length} dispatches`);
      }
      const { prepared, refusals } = this.#prepareAll(dispatches);
      refusals.push(...(await this.#take(prepared)));
      await nextTurn();
      return refusals;
    });
  }

  /** An attempt that ended, or never was here, needs no cancelling. */
  cancel(bytes: Uint8Array): Promise<DispatchReply> {
    return answer(async () => {
      const cancel = decodeOrRefuse("cancel", () =>
        Cancel.decode(this.#open(this.#cancelSubject, bytes)),
      );
      const id = attemptId(requireAttempt(cancel.attempt));
      this.#running.get(id)?.execution.stop("STEP_CANCELLED", cancel.hard);
      return [];
    });
  }

  /** Kills and forgets: another attempt has taken this one's place. */
  supersede(attempts: readonly AttemptKey[]): void {
    for (const attempt of attempts) {
      const id = attemptId(attempt);
      const running = this.#running.get(id);
      if (running !== undefined) this.#superseded.add(id);
      running?.execution.stop("STEP_CANCELLED", true);
      this.#context.journal.forget(attempt);
    }
  }

  /** Takes nothing more and kills what runs. */
  stop(): void {
    this.#stopping = true;
    for (const { execution } of this.#running.values()) execution.stop("NODE_INTERRUPTED", true);
  }

  get #dispatchSubject(): string {
    return subjects.dispatch(this.#context.enrolment.node, this.#context.instance);
  }

  get #cancelSubject(): string {
    return subjects.down(this.#context.enrolment.node, "cancel");
  }

  #open(subject: string, bytes: Uint8Array): Uint8Array {
    const { host, enrolment } = this.#context;
    return openSigned(host.crypto, enrolment.coordinatorKey, subject, bytes);
  }

  /** What may start of the dispatches, by attempt; a second one of what is known starts nothing. */
  #prepareAll(dispatches: readonly Uint8Array[]): { prepared: Prepared[]; refusals: Refusal[] } {
    const prepared = new Map<string, Prepared>();
    const refusals: Refusal[] = [];
    for (const [index, bytes] of dispatches.entries()) {
      try {
        const dispatch = decodeOrRefuse("dispatch", () => Dispatch.decode(bytes));
        const attempt = requireAttempt(dispatch.attempt);
        const id = attemptId(attempt);
        if (this.#context.journal.knows(attempt) || prepared.has(id)) continue;
        prepared.set(id, { index, ...this.#prepare(attempt, dispatch, prepared.size) });
      } catch (error) {
        if (!(error instanceof CohortError)) throw error;
        refusals.push({ index, problems: [...error.problems] });
      }
    }
    return { prepared: [...prepared.values()], refusals };
  }

  #prepare(attempt: AttemptKey, dispatch: Dispatch, before: number): Omit<Prepared, "index"> {
    const { host, journal, enrolment, slots } = this.#context;
    if (this.#stopping || this.#running.size + before >= slots || !journal.hasRoom) {
      throw refuse("NODE_BUSY", `${enrolment.node} has no free slot`);
    }
    assertIsolation(host);
    const spec = sandboxSpec(dispatch, enrolment.node, host.info.cores);
    return { attempt, dispatch, spec, door: this.#openDoor(attempt, dispatch) };
  }

  /** Resolves when the attempts are on the disk; they run from then on. */
  async #take(all: readonly Prepared[]): Promise<Refusal[]> {
    const { host, journal } = this.#context;
    try {
      journal.accept(all.map(({ attempt }) => attempt));
    } catch (error) {
      const problems = [unwritable(error)];
      // What was known before does go on.
      await journal.sync();
      return all.map(({ index }) => ({ index, problems }));
    }
    const accepted = journal.sync();
    for (const { attempt, dispatch, spec, door } of all) {
      const execution = new Execution(host, {
        dispatch,
        emit: (content) => {
          if (!this.#superseded.has(attemptId(attempt))) this.#record(attempt, content);
        },
        roomForLogs: this.#context.roomForLogs,
        transfer: (signal) => new ArtifactTransfer(this.#context, attempt, signal),
      });
      this.#running.set(attemptId(attempt), { key: attempt, execution });
      void accepted.then(
        () => this.#run(attempt, execution, spec, door),
        (cause) => this.#ended(attempt, failure("STEP_START_FAILED", String(cause), null)),
      );
    }
    await accepted;
    return [];
  }

  async #run(
    attempt: AttemptKey,
    execution: Execution,
    spec: ReturnType<typeof sandboxSpec>,
    door: StepDoor | null,
  ): Promise<void> {
    try {
      door?.open();
      const result = await execution.run(spec, door === null ? null : (it) => door.handle(it));
      const usage = result.usage && { ...result.usage, ...door?.usage };
      this.#ended(attempt, { ...result, usage });
    } finally {
      door?.close();
    }
  }

  #openDoor(attempt: AttemptKey, dispatch: Dispatch): StepDoor | null {
    const { services, devices } = dispatch;
    if (services.length + devices.length === 0) return null;
    const proxy = services.length === 0 ? null : this.#openProxy(attempt, dispatch);
    const own = devices.length === 0 ? null : new StepDevices(this.#context, attempt, devices);
    return new StepDoor(proxy, own);
  }

  #openProxy(attempt: AttemptKey, dispatch: Dispatch): StepProxy {
    const { host, enrolment, keys } = this.#context;
    const { coordinatorKey } = enrolment;
    const sealed = dispatch.sealedToken;
    const delivery = openToken(host.crypto, coordinatorKey, keys.boxes, attempt, sealed);
    return new StepProxy(this.#context, attempt, delivery);
  }

  #ended(attempt: AttemptKey, result: Finished): void {
    this.#running.delete(attemptId(attempt));
    if (this.#superseded.delete(attemptId(attempt))) return;
    this.#finish(attempt, result);
  }

  #finish(attempt: AttemptKey, result: Finished): void {
    this.#record(attempt, { $case: "finished", value: result });
  }

  #record(attempt: AttemptKey, content: Parameters<AgentContext["journal"]["record"]>[1]): void {
    const { journal, clock, wake } = this.#context;
    journal.record(attempt, content, clock.now());
    wake();
  }
}

/** An attempt that was checked and may be accepted. */
interface Prepared {
  /** Its place in the message. */
  readonly index: number;
  readonly attempt: AttemptKey;
  readonly dispatch: Dispatch;
  readonly spec: ReturnType<typeof sandboxSpec>;
  readonly door: StepDoor | null;
}

async function answer(act: () => Promise<Refusal[]>): Promise<DispatchReply> {
  try {
    return { problems: [], refusals: await act() };
  } catch (error) {
    const problems = error instanceof CohortError ? [...error.problems] : [unwritable(error)];
    return { problems, refusals: [] };
  }
}

function unwritable(error: unknown): Problem {
  const reason = error instanceof Error ? error.message : String(error);
  return problem("INTERNAL", `the journal cannot be written: ${reason}`);
}

function requireAttempt(attempt: AttemptKey | undefined): AttemptKey {
  if (attempt === undefined) throw refuse("DISPATCH_INVALID", "the message names no attempt");
  return attempt;
}
