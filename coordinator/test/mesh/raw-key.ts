import { Prefix } from "@nats-io/nkeys";
import { Codec } from "@nats-io/nkeys/lib/codec.js";

/** The 32 bytes of "U...". */
export function rawUserKey(publicKey: string): Uint8Array {
  return Codec.decode(Prefix.User, new TextEncoder().encode(publicKey));
}
