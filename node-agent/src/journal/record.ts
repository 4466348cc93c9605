import { AttemptKey, NodeEvent } from "@cohort/proto/gen/cohort/node";
import { concatenate, equalBytes } from "../bytes.ts";
import type { Crypto } from "../host.ts";
import { agentLimits } from "../limits.ts";

/** One line of the journal. */
export type JournalRecord =
  /** The dispatch was answered with yes. */
  | { readonly kind: "accepted"; readonly attempt: AttemptKey }
  /** Something that the coordinator has to be told. */
  | { readonly kind: "event"; readonly event: NodeEvent }
  /** The coordinator has all events up to here in its log. */
  | { readonly kind: "acknowledged"; readonly throughSeq: number }
  /** Ended, and told; or superseded, and nobody's concern any more. */
  | { readonly kind: "remembered"; readonly attempt: AttemptKey }
  /** The next event's number is at least this. */
  | { readonly kind: "sequence"; readonly next: number };

const kinds = ["accepted", "event", "acknowledged", "remembered", "sequence"] as const;
const markLength = 4;
const checksumLength = 8;
const headLength = markLength + 4 + checksumLength;

/**
 * Records as bytes. Frame: a mark to find it by, length of the body (u32, little-endian), first 8
 * bytes of SHA-256 over key, length and body, body. The body's first byte is the kind.
 *
 * Mark and checksum come from the journal's own key, which no step knows: whatever a step writes
 * into its log, and whatever a torn record leaves of it, nothing in there reads as a record.
 */
export class RecordCodec {
  readonly #crypto: Crypto;
  readonly #key: Uint8Array;
  readonly #mark: Uint8Array;

  constructor(crypto: Crypto, key: Uint8Array) {
    this.#crypto = crypto;
    this.#key = key;
    this.#mark = crypto.sha256(key).subarray(0, markLength);
  }

  encode(record: JournalRecord): Uint8Array {
    return this.frame(
      concatenate([Uint8Array.of(kinds.indexOf(record.kind)), encodeContent(record)]),
    );
  }

  frame(body: Uint8Array): Uint8Array {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, body.length, true);
    return concatenate([this.#mark, length, this.#checksum(length, body), body]);
  }

  /**
   * All records that are whole, in order. What a power loss tore off at the end and what the medium
   * spoiled in the middle is passed over, up to the next record that verifies.
   */
  decode(bytes: Uint8Array): JournalRecord[] {
    const records: JournalRecord[] = [];
    for (let at = 0; at + headLength < bytes.length; ) {
      const body = this.#bodyAt(bytes, at);
      const record = body === null ? null : decodeBody(body);
      if (record !== null) records.push(record);
      at += body === null ? 1 : headLength + body.length;
    }
    return records;
  }

  #bodyAt(bytes: Uint8Array, at: number): Uint8Array | null {
    for (let index = 0; index < markLength; index++) {
      if (bytes[at + index] !== this.#mark[index]) return null;
    }
    const length = bytes.subarray(at + markLength, at + markLength + 4);
    const bodyLength = new DataView(length.buffer, length.byteOffset, 4).getUint32(0, true);
    if (bodyLength === 0 || bodyLength > agentLimits.journalRecordBytesMax) return null;
    const end = at + headLength + bodyLength;
    if (end > bytes.length) return null;
    const body = bytes.subarray(at + headLength, end);
    const expected = bytes.subarray(at + markLength + 4, at + headLength);
    return equalBytes(this.#checksum(length, body), expected) ? body : null;
  }

  #checksum(length: Uint8Array, body: Uint8Array): Uint8Array {
    return this.#crypto.sha256(concatenate([this.#key, length, body])).subarray(0, checksumLength);
  }
}

function encodeContent(record: JournalRecord): Uint8Array {
  switch (record.kind) {
    case "accepted":
    case "remembered":
      return AttemptKey.encode(record.attempt).finish();
    case "event":
      return NodeEvent.encode(record.event).finish();
    case "acknowledged":
      return encodeNumber(record.throughSeq);
    case "sequence":
      return encodeNumber(record.next);
  }
}

/** null when the record is damaged in a way that its checksum hides, or of a later version. */
function decodeBody(body: Uint8Array): JournalRecord | null {
  const kind = kinds[body[0] as number];
  const content = body.subarray(1);
  try {
    switch (kind) {
      case "accepted":
      case "remembered":
        return { kind, attempt: AttemptKey.decode(content) };
      case "event": {
        const event = NodeEvent.decode(content);
        return event.attempt === undefined ? null : { kind, event };
      }
      case "acknowledged":
        return { kind, throughSeq: decodeNumber(content) };
      case "sequence":
        return { kind, next: decodeNumber(content) };
      default:
        return null;
    }
  } catch {
    return null;
  }
}

function encodeNumber(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return bytes;
}

function decodeNumber(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getFloat64(0, true);
}
