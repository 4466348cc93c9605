import { createUser, Prefix } from "@nats-io/nkeys";
import { Codec } from "@nats-io/nkeys/lib/codec.js";
import sodium from "libsodium-wrappers-sumo";

await sodium.ready;

/** A node's three key pairs, where a test can reach them. */
export interface RogueKeys {
  /** nkey seed, "SU...". */
  readonly natsSeed: Uint8Array;
  readonly nats: Uint8Array;
  readonly sign: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array };
  readonly box: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array };
}

export function makeKeys(): RogueKeys {
  const user = createUser();
  return {
    natsSeed: user.getSeed(),
    nats: Codec.decode(Prefix.User, new TextEncoder().encode(user.getPublicKey())),
    sign: sodium.crypto_sign_keypair(),
    box: sodium.crypto_box_keypair(),
  };
}

export { sodium };
