import { concatenate } from "../../src/bytes.ts";
import type { Host } from "../../src/host.ts";
import { Journal } from "../../src/journal/journal.ts";
import { type JournalRecord, RecordCodec } from "../../src/journal/record.ts";
import { must, mustEqual, plantedFault } from "./kit.ts";
import { memoryHost } from "./memory-host.ts";

const path = "/journal";
const key = new Uint8Array(32).fill(7);

/**
 * The journal as it lies on the disk. Checksums stop a fuzzer at once, so an input is a row of
 * bodies, each after its length and a byte that may spoil its frame: what a medium, or an agent of
 * another version, could leave.
 */
export function fuzzJournal(input: Uint8Array): void {
  const codec = new RecordCodec((globalThis.__host as Host).crypto, key);
  const bytes = framed(codec, input);
  const records = codec.decode(bytes);
  const whole = codec.decode(concatenate(records.map((it) => codec.encode(it))));
  mustEqual(whole, records, "records change on their way");
  const host = memoryHost({ [path]: bytes, [`${path}.key`]: key });
  const journal = Journal.open(host, path);
  const events = journal.batch(1e6, 1e9);
  for (const [index, { seq }] of events.entries()) {
    must(index === 0 || seq > (events[index - 1]?.seq ?? 0), "numbers do not grow");
  }
  const again = Journal.open(host, path);
  mustEqual(again.batch(1e6, 1e9), events, "events change by opening twice");
  mustEqual(again.unfinished(), journal.unfinished(), "attempts change by opening twice");
  plantedFault(records.some(isPlanted));
}

function isPlanted(record: JournalRecord): boolean {
  return record.kind === "sequence" && record.next !== 10 && record.next !== 1e6;
}

/** Of each piece, the first byte may tear off the end of its frame, and the second is its length. */
function framed(codec: RecordCodec, input: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at + 2 <= input.length; ) {
    const [control, length] = [input[at] as number, input[at + 1] as number];
    const body = input.subarray(at + 2, at + 2 + length);
    at += 2 + length;
    const frame = codec.frame(body);
    const spoiled = control < 240 ? frame : frame.subarray(0, frame.length - (control - 239));
    pieces.push(spoiled);
  }
  return concatenate(pieces);
}
