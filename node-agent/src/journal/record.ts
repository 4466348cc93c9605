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
const magic = Uint8Array.of(0xc0, 0x4a);
const checksumLength = 8;
const headLength = magic.length + 4 + checksumLength;

/**
 * Frame: magic, length of the body (u32, little-endian), first 8 bytes of SHA-256 over length and
 * body, body. The body's first byte is the kind.
 */
export function encodeRecord(crypto: Crypto, record: JournalRecord): Uint8Array {
  const body = concatenate([Uint8Array.of(kinds.indexOf(record.kind)), encodeContent(record)]);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, body.length, true);
  return concatenate([magic, length, checksum(crypto, length, body), body]);
}

/**
 * All records that are whole, in order. What a power loss tore off at the end and what the medium
 * spoiled in the middle is passed over, up to the next record that verifies.
 */
export function decodeRecords(crypto: Crypto, bytes: Uint8Array): JournalRecord[] {
  const records: JournalRecord[] = [];
  for (let at = 0; at + headLength < bytes.length; ) {
    const body = bodyAt(crypto, bytes, at);
    const record = body === null ? null : decodeBody(body);
    if (record !== null) records.push(record);
    at += body === null ? 1 : headLength + body.length;
  }
  return records;
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
      case "event":
        return { kind, event: NodeEvent.decode(content) };
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

function bodyAt(crypto: Crypto, bytes: Uint8Array, at: number): Uint8Array | null {
  if (bytes[at] !== magic[0] || bytes[at + 1] !== magic[1]) return null;
  const length = bytes.subarray(at + 2, at + 6);
  const bodyLength = new DataView(length.buffer, length.byteOffset, 4).getUint32(0, true);
  if (bodyLength === 0 || bodyLength > agentLimits.journalRecordBytesMax) return null;
  const end = at + headLength + bodyLength;
  if (end > bytes.length) return null;
  const body = bytes.subarray(at + headLength, end);
  const expected = bytes.subarray(at + 6, at + headLength);
  return equalBytes(checksum(crypto, length, body), expected) ? body : null;
}

function checksum(crypto: Crypto, length: Uint8Array, body: Uint8Array): Uint8Array {
  return crypto.sha256(concatenate([length, body])).subarray(0, checksumLength);
}

function encodeNumber(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return bytes;
}

function decodeNumber(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getFloat64(0, true);
}
