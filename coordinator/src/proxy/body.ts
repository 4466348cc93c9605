import { createHash } from "node:crypto";
import type { BodyPiece, ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { type CohortError, refuse } from "@cohort/proto/problem";
import { sha256 } from "../ledger/crypto.ts";
import type { CallChannel } from "./channel.ts";
import type { HeldBody } from "./held-bodies.ts";

/** The body of a request, as it comes. */
export interface CallBody {
  /** In bytes; null while nobody knows. */
  readonly length: number | null;
  /** All of it; null where it is yet to come. */
  readonly whole: Uint8Array | null;
  /** To be read once. Throws CohortError when it breaks off or turns out to be another. */
  pieces(): AsyncIterable<Uint8Array>;
  /** SHA-256; null until all of it was read. */
  readonly hash: Uint8Array | null;
  readonly bytesRead: number;
}

export function wholeBody(bytes: Uint8Array): CallBody {
  return {
    length: bytes.length,
    whole: bytes,
    hash: sha256(bytes),
    bytesRead: bytes.length,
    async *pieces() {
      if (bytes.length > 0) yield bytes;
    },
  };
}

/** Rejects with PROOF_INVALID unless the piece follows the one before it, signed by the same node. */
export type VerifyPiece = (piece: BodyPiece) => Promise<void>;

/** The body of a node's request: what came with it, and what the node sends when it is asked to. */
export function bodyOf(
  { body, more, length }: ProxyRequest,
  verify: VerifyPiece,
  channel: CallChannel,
  bytesMax: number,
): CallBody {
  if (!more) {
    checkLength(body.length, length, bytesMax);
    if (length !== undefined && length !== body.length) throw otherLength();
    return wholeBody(body);
  }
  checkLength(body.length, length, bytesMax);
  return new StreamedBody(body, { verify, channel, bytesMax, expected: length ?? null });
}

/** Reads all of it, and counts what it holds. Throws CohortError. */
export async function gathered(body: CallBody, held: HeldBody): Promise<CallBody> {
  if (body.whole !== null) return body;
  const pieces: Uint8Array[] = [];
  for await (const piece of body.pieces()) {
    held.take(piece.length);
    pieces.push(piece);
  }
  return wholeBody(Buffer.concat(pieces));
}

interface Source {
  readonly verify: VerifyPiece;
  readonly channel: CallChannel;
  readonly bytesMax: number;
  readonly expected: number | null;
}

class StreamedBody implements CallBody {
  readonly whole = null;
  readonly length: number | null;
  hash: Uint8Array | null = null;
  bytesRead = 0;
  readonly #first: Uint8Array;
  readonly #source: Source;

  constructor(first: Uint8Array, source: Source) {
    this.#first = first;
    this.#source = source;
    this.length = source.expected;
  }

  async *pieces(): AsyncIterable<Uint8Array> {
    const { verify, channel, bytesMax, expected } = this.#source;
    const hash = createHash("sha256").update(this.#first);
    let total = this.#first.length;
    this.bytesRead = total;
    if (total > 0) yield this.#first;
    for (let last = false; !last; ) {
      channel.grant(total + limits.proxyWindowBytes);
      const piece = await channel.nextPiece();
      await verify(piece);
      total += piece.data.length;
      checkLength(total, expected ?? undefined, bytesMax);
      this.bytesRead = total;
      hash.update(piece.data);
      last = piece.last;
      if (last && expected !== null && total !== expected) throw otherLength();
      if (last) this.hash = hash.digest();
      if (piece.data.length > 0) yield piece.data;
    }
  }
}

function checkLength(bytes: number, expected: number | undefined, bytesMax: number): void {
  if (bytes > bytesMax || (expected ?? 0) > bytesMax) {
    throw refuse("LIMIT_EXCEEDED", `the body is longer than the ${bytesMax} bytes of the service`, {
      hint: "send less, or raise `limits.request` of the service",
    });
  }
  if (expected !== undefined && bytes > expected) throw otherLength();
}

function otherLength(): CohortError {
  return refuse("USAGE", "the body is not as long as the request says");
}
