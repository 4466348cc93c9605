import { asBuffer, sodium } from "../vault/sodium.ts";

/**
 * PASETO v4.local: XChaCha20 with keyed BLAKE2b as the authenticator, over libsodium.
 * https://github.com/paseto-standard/paseto-spec/blob/master/docs/01-Protocol-Versions/Version4.md
 */
export interface PasetoMessage {
  readonly message: Uint8Array;
  /** In the clear, but authenticated. */
  readonly footer: Uint8Array;
}

/** `key` has 32 bytes. `assertion` is authenticated but not in the text: opening must be given it too. */
export function encryptPaseto(
  key: Uint8Array,
  { message, footer }: PasetoMessage,
  assertion: Uint8Array = empty,
): string {
  return encryptWithNonce(key, { message, footer }, assertion, sodium.randombytes_buf(nonceBytes));
}

/** For the official test vectors alone: a nonce must never be used twice. */
export function encryptWithNonce(
  key: Uint8Array,
  { message, footer }: PasetoMessage,
  assertion: Uint8Array,
  nonce: Uint8Array,
): string {
  const keys = splitKey(key, nonce);
  try {
    const sealed = sodium.crypto_stream_xchacha20_xor(message, keys.streamNonce, keys.encryption);
    const tag = authenticate(keys.authentication, nonce, sealed, footer, assertion);
    const body = Buffer.concat([nonce, sealed, tag]).toString("base64url");
    return (
      header + body + (footer.length === 0 ? "" : `.${asBuffer(footer).toString("base64url")}`)
    );
  } finally {
    wipe(keys);
  }
}

/** Null when the text is not exactly what the key has encrypted. Tags are compared in constant time. */
export function decryptPaseto(
  key: Uint8Array,
  text: string,
  assertion: Uint8Array = empty,
): PasetoMessage | null {
  const parts = parsePaseto(text);
  if (parts === null) return null;
  const { nonce, sealed, tag, footer } = parts;
  const keys = splitKey(key, nonce);
  try {
    const expected = authenticate(keys.authentication, nonce, sealed, footer, assertion);
    if (!sodium.memcmp(expected, tag)) return null;
    const message = sodium.crypto_stream_xchacha20_xor(sealed, keys.streamNonce, keys.encryption);
    return { message, footer };
  } finally {
    wipe(keys);
  }
}

/** The footer before anything is verified: good for choosing the key, and for nothing else. */
export function peekFooter(text: string): Uint8Array | null {
  return parsePaseto(text)?.footer ?? null;
}

const header = "v4.local.";
const nonceBytes = 32;
const tagBytes = 32;
const empty = new Uint8Array(0);

function parsePaseto(text: string) {
  if (!text.startsWith(header)) return null;
  const [encodedBody = "", encodedFooter, ...rest] = text.slice(header.length).split(".");
  const body = fromBase64Url(encodedBody);
  const footer = encodedFooter === undefined ? empty : fromBase64Url(encodedFooter);
  if (body === null || footer === null || rest.length > 0) return null;
  if (encodedFooter === "" || body.length < nonceBytes + tagBytes) return null;
  return {
    nonce: body.subarray(0, nonceBytes),
    sealed: body.subarray(nonceBytes, body.length - tagBytes),
    tag: body.subarray(body.length - tagBytes),
    footer,
  };
}

/** Strict: one text alone stands for the bytes, or a token would have many. */
function fromBase64Url(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : null;
}

function splitKey(key: Uint8Array, nonce: Uint8Array) {
  const purpose = (text: string) => Buffer.concat([Buffer.from(text), nonce]);
  const pair = sodium.crypto_generichash(56, purpose("paseto-encryption-key"), key);
  return {
    encryption: pair.subarray(0, 32),
    streamNonce: pair.subarray(32),
    authentication: sodium.crypto_generichash(32, purpose("paseto-auth-key-for-aead"), key),
  };
}

function wipe(keys: ReturnType<typeof splitKey>): void {
  for (const secret of Object.values(keys)) secret.fill(0);
}

function authenticate(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  footer: Uint8Array,
  assertion: Uint8Array,
): Uint8Array {
  const pieces = [Buffer.from(header), nonce, sealed, footer, assertion];
  return sodium.crypto_generichash(tagBytes, preAuthenticationEncoding(pieces), key);
}

/** PAE: the count and each length as 64 bits, little-endian, so that no two lists encode alike. */
function preAuthenticationEncoding(pieces: readonly Uint8Array[]): Buffer {
  const length = (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes;
  };
  return Buffer.concat([
    length(pieces.length),
    ...pieces.flatMap((piece) => [length(piece.length), piece]),
  ]);
}
