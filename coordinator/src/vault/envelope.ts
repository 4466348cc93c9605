import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { asBuffer, sodium } from "./sodium.ts";

/** Bytes under XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), with the random nonce. */
export interface Envelope {
  readonly nonce: Uint8Array;
  readonly sealed: Uint8Array;
}

/**
 * What the bytes are and where they belong. It is authenticated as canonical JSON, so that an
 * envelope that was moved, or whose surroundings were changed, does not open.
 */
export type EnvelopeContext = { readonly purpose: string } & Readonly<
  Record<string, string | number | readonly string[]>
>;

/** `key` has 32 bytes. */
export function sealEnvelope(
  key: Uint8Array,
  plain: Uint8Array,
  context: EnvelopeContext,
): Envelope {
  const nonce = sodium.randombytes_buf(sodium.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
  const associated = canonicalJson(context);
  const sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
    plain,
    associated,
    null,
    nonce,
    key,
  );
  return { nonce, sealed };
}

/** Null when the key, the context or the envelope is not what was sealed. The caller wipes the result. */
export function openEnvelope(
  key: Uint8Array,
  { nonce, sealed }: Envelope,
  context: EnvelopeContext,
): Buffer | null {
  const associated = canonicalJson(context);
  try {
    return asBuffer(
      sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, associated, nonce, key),
    );
  } catch {
    return null;
  }
}
