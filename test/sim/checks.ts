import {
  type AttemptKey,
  Dispatch,
  Dispatches,
  EventAck,
  EventBatch,
  HelloReply,
  Signed,
} from "@cohort/proto/gen/cohort/node";
import { encodeVerifierKey } from "@cohort/proto/ledger/note";
import { verifyLedger } from "@cohort/proto/ledger/verify";
import { attemptId } from "@cohort/proto/proof";
import { projectEvent } from "../../coordinator/src/history/history.ts";
import { fromLeaf } from "../../coordinator/src/log/leaf.ts";
import { type MemoryDisk, openMemoryLog } from "../../coordinator/src/log/memory.ts";
import { createMemoryHistory, emptyHistory } from "../../coordinator/src/log/memory-history.ts";
import type { Recorded } from "../../coordinator/src/state/event.ts";
import { applyEvent, emptyState, type State } from "../../coordinator/src/state/state.ts";
import type { Sent } from "./coordinator-end.ts";
import { type CoordinatorProcess, endedPartsMax, ledgerSigner } from "./coordinator-process.ts";
import { digest, simulatedCrypto } from "./crypto.ts";
import { History } from "./history.ts";
import { Payloads } from "./payloads.ts";
import { asText, difference, snapshot } from "./snapshot.ts";
import type { Trace } from "./trace.ts";
import { must, Violation } from "./violation.ts";
import type { Work } from "./work.ts";

/** The invariants of DESIGN.md section 9, asked after every tick and of all that leaves. */
export class Checks {
  readonly history: History;
  readonly #disk: MemoryDisk;
  readonly #trace: Trace;
  readonly #replayed: State = emptyState(endedPartsMax);
  readonly #finished = emptyHistory();
  readonly #payloads = new Payloads();
  #read = 0;
  #callsOut = 0;

  constructor(disk: MemoryDisk, work: Work, trace: Trace) {
    this.#disk = disk;
    this.#trace = trace;
    this.history = new History(work);
  }

  /** Entries without their payload. */
  get dropped(): number {
    return this.#payloads.size;
  }

  get events(): number {
    return this.#read;
  }

  /** Whether a machine with this key was ever let in, whatever became of it. */
  wasEnrolled(natsKey: Uint8Array): boolean {
    return this.#replayed.fleet.keyOwners.has(Buffer.from(natsKey).toString("hex"));
  }

  /** Whether nothing is left to do of a rotation of its keys. */
  isSettled(name: string): boolean {
    const node = this.#replayed.fleet.nodes.get(name);
    return (
      node !== undefined && node.state !== "invited" && node.former === null && !node.rotationAsked
    );
  }

  isBarred(name: string): boolean {
    const node = this.#replayed.fleet.nodes.get(name);
    return node !== undefined && node.state !== "invited" && node.bar !== null;
  }

  /** Reads what has become durable. */
  readLog(): void {
    for (
      let leaf = this.#disk.leaves[this.#read];
      leaf !== undefined;
      leaf = this.#disk.leaves[this.#read]
    ) {
      const { seq, atMs, event } = fromLeaf(leaf, ++this.#read);
      const recorded = { seq, atMs, event } as Recorded;
      this.#trace.add("log", describe(recorded));
      applyEvent(this.#replayed, recorded);
      createMemoryHistory(this.#finished).write(projectEvent(this.#replayed, recorded), seq);
      this.history.add(recorded);
      this.#payloads.add(recorded, this.history.removed);
    }
    this.#budgets();
  }

  /** What the coordinator says must stand in the log already. */
  sent({ kind, node, verb, payload, asked }: Sent): void {
    this.readLog();
    if (kind === "command" && verb === "dispatch") this.#dispatched(node, payload);
    if (kind === "answer" && verb === "events") this.#acknowledged(node, payload, asked);
    if (kind === "answer" && verb === "hello") this.#greeted(node, payload);
  }

  called(): void {
    this.readLog();
    this.#callsOut++;
    must(
      this.#callsOut <= this.history.calls,
      "nothing leaves before it is durable",
      `${this.#callsOut} calls left, ${this.history.calls} were intended`,
    );
  }

  started(key: string, run: string): void {
    this.readLog();
    if (this.history.removed.has(run)) return;
    const durable = this.history.runOfKey.get(key);
    must(
      durable !== undefined,
      "nothing leaves before it is durable",
      `the start of ${run} was answered before it was in the log`,
    );
    must(
      durable === run,
      "an idempotency key starts one run",
      `${key} was answered with ${run}, and is ${durable}`,
    );
  }

  saw(run: string, state: string): void {
    this.readLog();
    const ended = this.history.runs.get(run)?.ended ?? "running";
    must(
      state === ended || state === "running" || state === "queued",
      "nothing leaves before it is durable",
      `run ${run} was shown as ${state}, and is ${ended} in the log`,
    );
  }

  /** Replay equals memory, whenever memory is not ahead of the disk, and always what is on it. */
  replay(coordinator: CoordinatorProcess): void {
    this.readLog();
    this.#projection();
    if (!coordinator.quiet) return;
    const [live, replayed] = [snapshot(coordinator.state), snapshot(this.#replayed)];
    if (live === replayed) return;
    throw new Violation("replay gives the same state", difference(live, replayed));
  }

  ledger(): void {
    const note = openMemoryLog({ signer: ledgerSigner, disk: this.#disk }).checkpoint();
    const verdict = verifyLedger({
      leaves: this.#disk.leaves,
      note,
      verifierKey: encodeVerifierKey(ledgerSigner, digest),
      crypto: {
        sha256: digest,
        verify: (key, message, signature) => simulatedCrypto.verify(message, signature, key),
      },
    });
    must(verdict.ok, "the ledger verifies", verdict.ok ? "" : verdict.reason);
    this.#payloads.compare(this.#disk);
    this.#replayLeft();
  }

  /** What is left of the entries leads to the state that the entries themselves led to. */
  #replayLeft(): void {
    this.readLog();
    const state = emptyState(endedPartsMax);
    for (const [at, leaf] of this.#disk.leaves.entries()) {
      applyEvent(state, fromLeaf(leaf, at + 1) as Recorded);
    }
    const [left, whole] = [snapshot(state), snapshot(this.#replayed)];
    if (left === whole) return;
    throw new Violation("replay gives the same state", difference(left, whole));
  }

  #projection(): void {
    const { version: _, ...stored } = this.#disk.history;
    const { version: __, ...projected } = this.#finished;
    const [table, log] = [asText(stored), asText(projected)];
    if (table === log) return;
    throw new Violation("the projection equals the log", difference(table, log));
  }

  #budgets(): void {
    const { budgets, accounts } = this.#replayed.budget;
    for (const [account, windows] of accounts) {
      const limit = budgets.get(account.replace(/^budget\//, ""))?.limit ?? Number.MAX_SAFE_INTEGER;
      for (const [window, { postedNanoUsd: posted, heldNanoUsd: held }] of windows) {
        const sound = posted >= 0 && held >= 0 && posted + held <= limit;
        const detail = `${account} ${window}: ${posted} posted, ${held} held of ${limit}`;
        must(sound, "budgets stay within their limits", detail);
      }
    }
  }

  #dispatched(node: string, bytes: Uint8Array): void {
    for (const dispatch of Dispatches.decode(Signed.decode(bytes).payload).dispatches) {
      const { attempt } = Dispatch.decode(dispatch);
      const id = attemptId(attempt as AttemptKey);
      this.#trace.add("coordinator", `sends ${id} to ${node}`);
      must(
        this.history.wasScheduled(attempt as AttemptKey, node),
        "nothing leaves before it is durable",
        `${id} is sent to ${node} and not in the log`,
      );
    }
  }

  #acknowledged(node: string, bytes: Uint8Array, asked: Uint8Array): void {
    const { problems, throughSeq } = EventAck.decode(bytes);
    if (problems.length > 0) return;
    for (const { seq, attempt, event } of EventBatch.decode(asked).events) {
      if (event?.$case !== "finished" || attempt === undefined || seq > throughSeq) continue;
      const lost = this.history.nodeOf(attempt) === node && this.history.isOpen(attempt);
      const id = attemptId(attempt);
      must(!lost, "nothing leaves before it is durable", `the result of ${id} is acknowledged`);
    }
  }

  #greeted(node: string, bytes: Uint8Array): void {
    for (const attempt of HelloReply.decode(bytes).superseded) {
      const open = this.history.nodeOf(attempt) === node && this.history.isOpen(attempt);
      const id = attemptId(attempt);
      must(!open, "healthy work is not given up", `${node} is told to drop ${id}`);
    }
  }
}

function describe({ seq, event }: Recorded): string {
  const value = event.value as {
    readonly run?: string;
    readonly step?: string;
    readonly node?: string;
    readonly outcome?: string;
    readonly attempt?: AttemptKey;
    readonly result?: { readonly outcome: string; readonly code: string };
  };
  const { attempt, run = "", step = "", node = "", outcome = "", result } = value;
  const about = attempt === undefined ? `${run} ${step}` : attemptId(attempt);
  const end = result === undefined ? outcome : `${result.outcome} ${result.code}`;
  return [seq, event.$case, about, node, end].join(" ").replace(/\s+/g, " ").trim();
}
