import { limits } from "@cohort/proto/limits";
import { createDispatchSigner } from "../../src/tokens/signing.ts";
import { createTokenKeys, issueToken, type TokenClaims } from "../../src/tokens/token.ts";
import { sodium } from "../../src/vault/sodium.ts";

export const now = 1_790_000_000_000;
export const attempt = {
  run: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  step: "ticket",
  instance: 2,
  attempt: 1,
};
export const keys = keysOf("01BX5ZZKBKACTAV9WEVGEMMVRZ", "1");
export const signer = createDispatchSigner(new Uint8Array(32).fill(5));

export const claims: Omit<TokenClaims, "audience"> = {
  id: "01BX5ZZKBKACTAV9WEVGEMMVS0",
  node: "press-1",
  attempt,
  services: ["maintenance"],
  issuedMs: now,
  expiresMs: now + limits.stepTokenLifetimeMs,
};

export const token = issueToken({ keys, claims });

/** Keys of a mesh whose vault's root key is `root` repeated. */
export function keysOf(mesh: string, id: string, root = 1) {
  const secret = new Uint8Array(32).fill(root);
  const derive = (purpose: string) => sodium.crypto_generichash(32, purpose, secret);
  return createTokenKeys({ mesh, derive, ids: [id] });
}

export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}
