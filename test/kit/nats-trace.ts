/**
 * The payloads in the log of a nats-server that runs with -V, as they crossed it. It writes each as a
 * quoted string of Go's (https://pkg.go.dev/strconv#Quote), so that a search of the log itself would
 * miss what has a backslash or is not text.
 */
export function tracedPayloads(log: Buffer): Buffer[] {
  // One character a byte, so that no byte changes on the way.
  const quoted = log.toString("latin1").matchAll(/MSG_PAYLOAD: \["((?:[^"\\]|\\.)*)"\]/g);
  return [...quoted].map(([, text = ""]) => unquote(text));
}

function unquote(text: string): Buffer {
  const bytes = text.replace(escapes, (whole, byte?: string, short?: string, long?: string) => {
    if (byte !== undefined) return String.fromCharCode(Number.parseInt(byte, 16));
    const rune = short ?? long;
    if (rune === undefined) return named[whole] ?? whole.slice(1);
    const character = String.fromCodePoint(Number.parseInt(rune, 16));
    return Buffer.from(character).toString("latin1");
  });
  return Buffer.from(bytes, "latin1");
}

const escapes = /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|.)/g;

const named: Readonly<Record<string, string>> = {
  "\\a": "\x07",
  "\\b": "\b",
  "\\f": "\f",
  "\\n": "\n",
  "\\r": "\r",
  "\\t": "\t",
  "\\v": "\v",
};
