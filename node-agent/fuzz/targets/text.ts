import { must, mustEqual, pieces, plantedFault } from "./kit.ts";

/** UTF-8 both ways: what one decoding says, another in pieces must say too. */
export function fuzzText(input: Uint8Array): void {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(input);
  const stream = new TextDecoder("utf-8", { ignoreBOM: true });
  let streamed = "";
  for (const piece of pieces(input)) streamed += stream.decode(piece, { stream: true });
  mustEqual(streamed + stream.decode(), text, "a stream decodes differently");
  const valid = isFatalFree(input);
  const encoded = new TextEncoder().encode(text);
  const same = encoded.length === input.length && encoded.every((byte, at) => byte === input[at]);
  must(valid === same, "what is valid comes back as it was, and nothing else does");
  mustEqual(new TextDecoder("utf-8", { ignoreBOM: true }).decode(encoded), text, "text changes");
  plantedFault(valid && /[\u{10000}-\u{1f5ff}\u{1f601}-\u{10ffff}]/u.test(text));
  base64(input);
}

function isFatalFree(input: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(input);
    return true;
  } catch {
    return false;
  }
}

function base64(input: Uint8Array): void {
  const binary = String.fromCharCode(...input.subarray(0, 1024));
  must(atob(btoa(binary)) === binary, "base64 changes what it carries");
  let decoded: string;
  try {
    decoded = atob(binary);
  } catch {
    return;
  }
  must(atob(btoa(decoded)) === decoded, "base64 changes what it carries");
}
