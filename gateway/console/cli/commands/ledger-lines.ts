import { parseJson } from "@cohort/proto/json";
import { isAt } from "@cohort/proto/ledger/canonical-scan";
import type { LedgerLeaf } from "@cohort/proto/ledger/verify";
import { refuse } from "@cohort/proto/problem";

/**
 * The line of a leaf in an export, without line break. `dropped_by` is the number of the entry that records
 * that this one's payload was dropped, so that its text is what is left.
 */
export function leafLine({ json, leafHash, checkpoint = "", droppedBy = 0 }: LedgerLeaf): string {
  const leaf_hash = Buffer.from(leafHash).toString("hex");
  const signed = checkpoint === "" ? {} : { checkpoint };
  const dropped = droppedBy === 0 ? {} : { dropped_by: droppedBy };
  return JSON.stringify({ leaf_hash, json, ...signed, ...dropped });
}

/**
 * The leaves on the lines from there on; `page` holds whole lines, of which the first has this `number`.
 * A line of plain ASCII becomes a leaf without becoming a text: that is what verification takes the
 * least time of. Any other line is looked at in full. Throws LEDGER_INVALID.
 */
export function leavesOn(
  page: Buffer,
  start: number,
  number: number,
): LedgerLeaf<string | Uint8Array>[] {
  const leaves: LedgerLeaf<string | Uint8Array>[] = [];
  const room = Buffer.allocUnsafe(page.length);
  for (let at = start; at < page.length; ) {
    const plain = plainLeaf(page, at, room);
    const end = plain?.end ?? lineEnd(page, at);
    leaves.push(plain?.leaf ?? parseLine(page.subarray(at, end), number + leaves.length, toLeaf));
    at = end + 1;
  }
  return leaves;
}

/** Where the line break is. */
export function lineEnd(page: Buffer, from: number): number {
  return page.indexOf(lineBreak, from);
}

export function parseLine<Value>(
  line: Buffer,
  number: number,
  toValue: (json: unknown) => Value,
): Value {
  try {
    return toValue(JSON.parse(line.toString()));
  } catch (cause) {
    throw refuse(
      "LEDGER_INVALID",
      `line ${number} is not that of a ledger export`,
      {
        hint: "`cohort ledger export -O FILE` writes such files.",
      },
      cause,
    );
  }
}

/** By hand: a schema would take longer than to verify what it says. Throws a TypeError. */
function toLeaf(value: unknown): LedgerLeaf {
  const { leaf_hash, json, checkpoint = "", ...others } = value as Record<string, unknown>;
  const { dropped_by: droppedBy = 0, ...rest } = others;
  const isLeaf =
    typeof leaf_hash === "string" &&
    /^[0-9a-f]{64}$/.test(leaf_hash) &&
    typeof json === "string" &&
    typeof checkpoint === "string" &&
    typeof droppedBy === "number" &&
    Number.isSafeInteger(droppedBy) &&
    droppedBy >= 0 &&
    Object.keys(rest).length === 0;
  if (!isLeaf) throw new TypeError("it has other fields");
  return { json, leafHash: Buffer.from(leaf_hash, "hex"), checkpoint, droppedBy };
}

/**
 * The leaf on the line from `at` on, as `leafLine` writes it, and where its line break is; null where the
 * line is not of that form, or its entry not of plain ASCII. What the leaf holds is put into `room`.
 */
function plainLeaf(page: Buffer, at: number, room: Buffer): PlainLeaf | null {
  const hash = at + hashName.length;
  const json = hash + 2 * hashBytes + jsonName.length;
  if (!isAt(page, at, hashName) || !isAt(page, json - jsonName.length, jsonName)) return null;
  const text = at + hashBytes;
  if (!hexInto(room, at, page, hash)) return null;
  const copied = unescapeInto(room, text, page, json);
  if (copied === null || page[copied.from] !== quote) return null;
  const rest = checkpointAt(page, copied.from + 1);
  if (rest === null) return null;
  const leaf = {
    json: room.subarray(text, copied.to),
    leafHash: room.subarray(at, text),
    checkpoint: rest.checkpoint,
  };
  return { leaf, end: rest.end };
}

interface PlainLeaf {
  readonly leaf: LedgerLeaf<Uint8Array>;
  readonly end: number;
}

function hexInto(room: Buffer, to: number, page: Buffer, from: number): boolean {
  for (let at = 0; at < hashBytes; at++) {
    const high = hexDigits[page[from + 2 * at] as number] as number;
    const low = hexDigits[page[from + 2 * at + 1] as number] as number;
    if (high < 0 || low < 0) return false;
    room[to + at] = high * 16 + low;
  }
  return true;
}

/** What a JSON string says, up to its end, as far as that is ASCII and escapes only quotes and backslashes. */
function unescapeInto(
  room: Buffer,
  start: number,
  page: Buffer,
  first: number,
): { readonly to: number; readonly from: number } | null {
  let [to, from] = [start, first];
  for (; from < page.length; from++, to++) {
    let it = page[from] as number;
    if (it === quote) break;
    if (it === backslash) {
      from += 1;
      it = page[from] as number;
      if (it !== quote && it !== backslash) return null;
    }
    if (it < space || it > asciiLast) return null;
    room[to] = it;
  }
  return { to, from };
}

/** What follows the entry: the end of the line, or its checkpoint before that. */
function checkpointAt(
  page: Buffer,
  at: number,
): { readonly checkpoint: string; readonly end: number } | null {
  if (page[at] === closeBrace && page[at + 1] === lineBreak) return { checkpoint: "", end: at + 1 };
  if (!isAt(page, at, checkpointName)) return null;
  const end = lineEnd(page, at);
  const text = page.toString("utf8", at + checkpointName.length, end - 1);
  const checkpoint = page[end - 1] === closeBrace ? parseJson(text) : null;
  return typeof checkpoint === "string" ? { checkpoint, end } : null;
}

const hashBytes = 32;
const hashName = Buffer.from('{"leaf_hash":"');
const jsonName = Buffer.from('","json":"');
const checkpointName = Buffer.from(',"checkpoint":');
const hexDigits = new Int8Array(256).fill(-1);
for (const [value, digit] of [..."0123456789abcdef"].entries()) {
  hexDigits[digit.charCodeAt(0)] = value;
}
const [quote, backslash, closeBrace, lineBreak, space, asciiLast] = [34, 92, 125, 10, 32, 126];
