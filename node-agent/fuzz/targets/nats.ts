import { describe, MsgHdrsImpl, Parser, type ParserEvent } from "@nats-io/nats-core/internal";
import { mustEqual, pieces, plantedFault } from "./kit.ts";

/**
 * What a nats-server says, however it is cut: the same messages, and the same end. A carriage return
 * that ends no line is what nats-core reads in two ways, and no server sends.
 */
export function fuzzNats(input: Uint8Array): void {
  const whole = parse([input]);
  const torn = parse(pieces(input));
  const bare = input.some((byte, at) => byte === 13 && input[at + 1] !== 10);
  if (!bare) mustEqual(torn, whole, "a stream in pieces reads differently");
  plantedFault(whole.events.some(({ msg }) => msg !== undefined && msg.sid > 9));
}

function parse(chunks: Iterable<Uint8Array>) {
  const events: ParserEvent[] = [];
  const parser = new Parser({ push: (event) => void events.push(copyOf(event as ParserEvent)) });
  let failed = false;
  try {
    for (const chunk of chunks) parser.parse(chunk);
  } catch {
    failed = true;
  }
  for (const event of events) describe(event);
  return { events, failed };
}

/** The parser's own buffers are used again. */
function copyOf({ kind, msg, data }: ParserEvent): ParserEvent {
  const copy: ParserEvent = { kind };
  if (msg !== undefined) copy.msg = { ...msg, subject: msg.subject.slice() };
  if (data !== undefined) copy.data = data.slice();
  if (msg !== undefined && msg.hdr > 0 && data !== undefined) readHeaders(data.slice(0, msg.hdr));
  return copy;
}

function readHeaders(bytes: Uint8Array): void {
  try {
    MsgHdrsImpl.decode(bytes);
  } catch {
    // A message whose headers are none is dropped by the client.
  }
}
