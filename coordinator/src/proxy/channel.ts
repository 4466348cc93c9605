import type { BodyPiece, ProxyReply } from "@cohort/proto/gen/cohort/node";

/** One call's conversation with the node that asks for it; its rules are in node.proto. */
export interface CallChannel {
  /** Lets the node send its body up to so many bytes, counted from the first. */
  grant(bytes: number): void;
  /** The next piece of the body, for which there must be a grant. Rejects with what `gone` says. */
  nextPiece(): Promise<BodyPiece>;
  /** Resolves when so many bytes more may be sent as an answer. Rejects with what `gone` says. */
  room(bytes: number): Promise<void>;
  send(reply: Partial<ProxyReply>): void;
  /**
   * Aborted when nobody wants the answer any more: the node hung up, or owed something for too long.
   * Its reason is a CohortError.
   */
  readonly gone: AbortSignal;
}
