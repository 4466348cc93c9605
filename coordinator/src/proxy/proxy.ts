import type { AttemptKey, ProxyRequest } from "@cohort/proto/gen/cohort/node";
import type { Service } from "@cohort/proto/resources/service";
import type { BudgetState } from "../budget/budget.ts";
import type { Caller } from "../scheduler/caller.ts";
import type { Decision } from "../state/decision.ts";
import type { Destination } from "../vault/vault.ts";
import type { WholeReply } from "./answer.ts";
import type { VerifyPiece } from "./body.ts";
import type { CallChannel } from "./channel.ts";
import type { Egress } from "./egress/egress.ts";
import { CallPipeline } from "./pipeline.ts";

export function createProxy(dependencies: ProxyDependencies): VaultProxy {
  return new CallPipeline(dependencies);
}

/**
 * The only way out of the mesh to services that want a credential. Always in this order: token,
 * node, attempt, proof, grant, limits; then the worst case reserved and the intent durable; then
 * the credential, the call and what it cost; then the outcome durable; then the end of the answer.
 * Bodies pass in both directions as they come. Whoever hangs up breaks a call off, and it is settled
 * like any other.
 */
export interface VaultProxy {
  /** `node`: whose subject the request came in on. Resolves when all is said. Never rejects. */
  fromNode(node: string, request: ProxyRequest, channel: CallChannel): Promise<void>;
  /** A `call` step, which the coordinator makes itself; it needs no token. Never rejects. */
  fromStep(call: StepCall): Promise<WholeReply>;
  /**
   * Breaks off calls that are out for attempts that have ended, or whose token was revoked. They are settled
   * like any other.
   */
  breakOffEnded(): void;
  /** Refused calls that were not recorded, because their node was refused too often lately. */
  readonly refusalsSuppressed: number;
}

/** What the core needs of it. */
export type CoreProxy = Pick<VaultProxy, "fromStep" | "fromNode" | "breakOffEnded">;

export interface StepCall {
  readonly attempt: AttemptKey;
  readonly service: string;
  readonly method: string;
  /** With query, beginning with "/". */
  readonly path: string;
  /** Sent as JSON; undefined for no body. */
  readonly json: unknown;
  /** Sent in the header of that name, so that the service can tell a repetition. */
  readonly idempotencyKey: string;
}

export interface ProxyDependencies {
  readonly writer: CallWriter;
  readonly tokens: TokenReader;
  readonly vault: SecretLender;
  readonly egress: Egress;
  readonly nowMs: () => number;
  /** Ends early where the signal aborts; never rejects. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** A new ULID. */
  readonly newId: () => string;
  readonly nodeIsEnrolled: (node: string) => boolean;
  /** Throws NODE_REVOKED. */
  readonly assertNotBarred: (node: string) => void;
  /** Whether this attempt runs now, and there; `node` is "" for the coordinator. */
  readonly attemptIsLive: (attempt: AttemptKey, node: string) => boolean;
  /** Whether nothing is done any more for tokens of the attempt. */
  readonly tokenIsRevoked: (attempt: AttemptKey) => boolean;
  /** null when nobody defined it. */
  readonly service: (name: string) => Service | null;
  /** null when there is no such step of a run. */
  readonly calling: (attempt: AttemptKey) => Caller | null;
  /** Told of faults of Cohort's own, which callers learn no more of than INTERNAL. */
  readonly onFault: (error: unknown) => void;
}

/** The single writer, as far as calls need it. */
export interface CallWriter {
  decide<T>(
    decision: (state: { readonly budget: BudgetState }, nowMs: number) => Decision<T>,
  ): Promise<T>;
}

export interface TokenReader {
  /** Throws TOKEN_INVALID or TOKEN_EXPIRED. */
  openToken(token: string): TokenClaims;
  /**
   * Rejects with PROOF_INVALID unless the node's own key signed this request, lately. What it gives verifies
   * the further pieces of the body, in their order.
   */
  verifyRequest(node: string, request: ProxyRequest): Promise<VerifyPiece>;
}

export interface TokenClaims {
  readonly id: string;
  readonly node: string;
  readonly attempt: AttemptKey;
  /** Names of the services that the step was granted. */
  readonly services: readonly string[];
}

export interface SecretLender {
  /** Whether no secret can be lent: nothing that needs one is begun. */
  readonly sealed: boolean;
  /** Throws SECRET_UNAVAILABLE or VAULT_SEALED before it calls `use`. */
  withSecret<T>(
    path: string,
    destination: Destination,
    use: (value: Buffer) => Promise<T>,
  ): Promise<T>;
  keyedHash(purpose: string, bytes: Uint8Array): Uint8Array;
}
