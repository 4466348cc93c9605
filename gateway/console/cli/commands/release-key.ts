import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { refuse } from "@cohort/proto/problem";

/** Release keys as people see them: "cohort-release-public:..." and "cohort-release-secret:...". */
export function formatKey(kind: "public" | "secret", bytes: Uint8Array): string {
  return `cohort-release-${kind}:${Buffer.from(bytes).toString("base64url")}`;
}

/** Throws USAGE. */
export function parsePublicKey(text: string): Buffer {
  return parse("public", text.trim(), "the public key that `cohort agent keygen` printed");
}

/** Throws USAGE. The message names the file, never what it holds. */
export function parseSecretKey(text: string, file: string): Buffer {
  return parse("secret", text.trim(), `a release key in ${file}`);
}

export function publicKeyOf(seed: Uint8Array): Buffer {
  const { x } = createPublicKey(keyOf(seed)).export({ format: "jwk" });
  return Buffer.from(x as string, "base64url");
}

export function signWith(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, message, keyOf(seed)));
}

function parse(kind: "public" | "secret", text: string, what: string): Buffer {
  const prefix = `cohort-release-${kind}:`;
  const bytes = text.startsWith(prefix)
    ? Buffer.from(text.slice(prefix.length), "base64url")
    : null;
  if (bytes?.length === 32 && formatKey(kind, bytes) === text) return bytes;
  throw refuse("USAGE", `${what} is expected`, { hint: `It begins with ${prefix}` });
}

/** An Ed25519 seed in PKCS #8: RFC 8410 §7. */
function keyOf(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}
