import { WitnessAnswer, WitnessReply, WitnessRequest } from "@cohort/proto/gen/cohort/node";
import { parseCheckpointBody } from "@cohort/proto/ledger/checkpoint";
import type { NoteCrypto } from "@cohort/proto/ledger/note";
import { CohortError, refuse } from "@cohort/proto/problem";
import { subjects } from "@cohort/proto/subjects";
import { equalBytes } from "../bytes.ts";
import type { Host } from "../host.ts";
import type { KeyRing } from "../key-ring.ts";
import { agentLimits } from "../limits.ts";
import type { Bus } from "../mesh/bus.ts";
import { decodeOrRefuse, openSignedMessage } from "../steps/verify.ts";
import { delay, randomFraction } from "../wait.ts";
import { judge } from "./judge.ts";
import { readWitness, type WitnessRecord, writeWitness } from "./record.ts";

export interface WitnessOptions {
  readonly host: Host;
  readonly directory: string;
  readonly node: string;
  readonly coordinatorKey: Uint8Array;
  readonly keys: KeyRing;
  readonly now: () => number;
}

/** What the status says of the ledger. */
export interface WitnessStatus {
  /** Of the last checkpoint that was taken; 0 before the first. */
  readonly size: number;
  readonly takenMs: number;
  /** Why the ledger contradicts what was seen of it; "" when it does not. */
  readonly dispute: string;
  /** Disputes that an operator settled. */
  readonly settled: number;
}

/**
 * The node as a witness of the ledger: it asks for the newest checkpoint every so often, and takes it
 * only with a proof that all it saw before is still there. A ledger that cannot prove that is told of in
 * the status, the log and to the coordinator; the node works on, for what it is asked to do is signed
 * all the same, and a plant must not stand still because a backup was restored.
 */
export class Witness {
  readonly #options: WitnessOptions;
  #record: WitnessRecord | null;
  #dueMs: number;
  #complaint = "";

  /** Throws SETUP_FAILED when what was seen cannot be read. */
  constructor(options: WitnessOptions) {
    const { host, directory } = options;
    this.#options = options;
    try {
      this.#record = readWitness(host.files, directory);
    } catch (cause) {
      throw refuse(
        "SETUP_FAILED",
        `${directory}/witness cannot be read`,
        { hint: "Restore it. Without it, the node forgets what it saw of the ledger." },
        cause,
      );
    }
    this.#dueMs = host.monotonic() + randomFraction(host) * agentLimits.witnessFirstMsMax;
    this.#tellDispute();
  }

  get status(): WitnessStatus {
    const record = this.#record;
    if (record === null) return { size: 0, takenMs: 0, dispute: "", settled: 0 };
    const { size } = parseCheckpointBody(record.checkpoint);
    const { takenMs, dispute, settled } = record;
    return { size, takenMs, dispute: dispute?.reason ?? "", settled: settled.length };
  }

  /** Asks whenever it is time, until the connection ends. */
  async run(bus: Bus, ended: AbortSignal): Promise<void> {
    const { host } = this.#options;
    while (!ended.aborted) {
      await delay(Math.max(0, this.#dueMs - host.monotonic()), ended);
      if (ended.aborted) return;
      const spread = 0.9 + 0.2 * randomFraction(host);
      this.#dueMs = host.monotonic() + agentLimits.witnessEveryMs * spread;
      await this.#ask(bus).then(
        () => this.#complain(""),
        // Whatever it is, a full disk among others: it must not keep the node from its work.
        (error: unknown) => this.#complain(error instanceof Error ? error.message : String(error)),
      );
    }
  }

  async #ask(bus: Bus): Promise<void> {
    const { host, node, directory, coordinatorKey, keys, now } = this.#options;
    const nonce = host.random(16);
    const checkpoint = this.#record?.checkpoint ?? "";
    const conflict = this.#record?.dispute?.conflict ?? "";
    const request = WitnessRequest.encode({ nonce, checkpoint, conflict }).finish();
    const reply = await bus.request(
      subjects.up(node, "witness"),
      request,
      agentLimits.requestMsMax,
    );
    const { problems, answer: signed } = decodeOrRefuse("answer", () => WitnessReply.decode(reply));
    if (problems.length > 0) throw new CohortError(problems);
    const subject = subjects.down(node, "witness");
    const payload = openSignedMessage(host.crypto, coordinatorKey, subject, signed);
    const answer = decodeOrRefuse("answer", () => WitnessAnswer.decode(payload));
    if (!equalBytes(answer.nonce, nonce)) {
      throw refuse("DISPATCH_INVALID", "the answer is to another request");
    }
    const { publicKey, secretKey } = keys.current.sign;
    const before = this.#record;
    const after = judge(before, answer, {
      crypto: cryptoOf(host),
      node,
      signer: { publicKey, sign: (message) => host.crypto.sign(message, secretKey) },
      nowMs: Math.round(now()),
    });
    writeWitness(host.files, directory, after);
    this.#record = after;
    if (before?.dispute?.conflict !== after.dispute?.conflict) this.#tellDispute();
  }

  #tellDispute(): void {
    const dispute = this.#record?.dispute;
    if (dispute === undefined || dispute === null) return;
    this.#options.host.writeError(
      `cohort-agent: ALARM: LEDGER_FORKED the coordinator's ledger is not to be believed: ${dispute.reason}\n`,
    );
  }

  /** Once, however often it is so. */
  #complain(complaint: string): void {
    if (complaint !== "" && complaint !== this.#complaint) {
      this.#options.host.writeError(`cohort-agent: witness: ${complaint}\n`);
    }
    this.#complaint = complaint;
  }
}

function cryptoOf({ crypto }: Host): NoteCrypto {
  return {
    sha256: (bytes) => crypto.sha256(bytes),
    verify: (publicKey, message, signature) => crypto.verify(message, signature, publicKey),
  };
}
