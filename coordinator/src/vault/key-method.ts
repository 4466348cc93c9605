import { type CohortError, refuse } from "@cohort/proto/problem";
import * as z from "zod";
import { argon2id, argon2idCosts, argon2idSaltBytes } from "./argon2id.ts";
import { keyFileBytes } from "./key-file.ts";
import { sodium } from "./sodium.ts";

/**
 * What opens the vault's secrets: the key of the machine, which is there whenever the coordinator runs;
 * or what an operator brings, a passphrase or the bytes of a key file. What he brought is wiped when it
 * has been used, whether it was the right one or not.
 */
export type VaultKey =
  | { readonly kind: "machine" }
  | { readonly kind: "passphrase"; readonly passphrase: Buffer }
  | { readonly kind: "key-file"; readonly key: Buffer };

/** How the key is made: public, and kept in the vault beside what the key wraps. */
export type KeyMethod = z.infer<typeof keyMethod>;
export type KeyKind = KeyMethod["kind"];

/** The bounds keep a changed file from asking for all memory and time, or for next to none. */
export const keyMethod = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("passphrase"),
    salt: z.string().regex(/^[0-9a-f]{32}$/),
    passes: z.int().min(argon2idCosts.passes).max(16),
    memoryBytes: z
      .int()
      .min(argon2idCosts.memoryBytes)
      .max(2 ** 30),
  }),
  z.strictObject({ kind: z.literal("key-file") }),
  z.strictObject({ kind: z.literal("machine") }),
]);

/** What an operator sent, as a key of the kind. Wipes the bytes where it throws, VAULT_KEY_WRONG. */
export function vaultKey(kind: string, bytes: Buffer): VaultKey {
  if (kind === "passphrase") return { kind, passphrase: bytes };
  if (kind === "key-file") return { kind, key: bytes };
  if (kind === "machine" && bytes.length === 0) return { kind };
  bytes.fill(0);
  if (kind === "machine") throw wrongKey("It opens with the machine's own key: bring none.");
  throw refuse("USAGE", `no key is of the kind ${JSON.stringify(kind)}`, {
    hint: "There are machine, passphrase and key-file.",
  });
}

/** A method for a key that is new. Throws USAGE when it is too weak, having wiped it. */
export function chooseMethod(key: VaultKey): KeyMethod {
  if (key.kind === "passphrase" && key.passphrase.length < passphraseBytesMin) {
    wipeKey(key);
    throw refuse("USAGE", `the passphrase has less than ${passphraseBytesMin} bytes`, {
      hint: "Six words chosen at random are a good one.",
    });
  }
  if (key.kind === "key-file" && key.key.length !== keyFileBytes) {
    wipeKey(key);
    throw refuse("USAGE", `a key file has ${keyFileBytes} bytes`);
  }
  if (key.kind !== "passphrase") return { kind: key.kind };
  return {
    kind: "passphrase",
    salt: Buffer.from(sodium.randombytes_buf(argon2idSaltBytes)).toString("hex"),
    ...argon2idCosts,
  };
}

/** Whoever takes the file may guess at leisure; Argon2id only slows each guess. */
const passphraseBytesMin = 12;

/**
 * 32 bytes, to be wiped by the caller; `readMachineKey` gives those of the machine. Wipes what the operator
 * brought. Throws VAULT_KEY_WRONG when the key is of another kind or unfit.
 */
export async function deriveKey(
  key: VaultKey,
  method: KeyMethod,
  readMachineKey: () => Buffer,
): Promise<Buffer> {
  try {
    if (key.kind === "machine" && method.kind === "machine") return readMachineKey();
    if (key.kind === "key-file" && method.kind === "key-file") {
      if (key.key.length === keyFileBytes) return Buffer.from(key.key);
      throw wrongKey(`A key file has ${keyFileBytes} bytes.`);
    }
    if (key.kind === "passphrase" && method.kind === "passphrase") {
      return await argon2id(key.passphrase, { ...method, salt: Buffer.from(method.salt, "hex") });
    }
    throw wrongKey(`It opens with a key of the kind ${method.kind}.`);
  } finally {
    wipeKey(key);
  }
}

export function wipeKey(key: VaultKey): void {
  if (key.kind === "passphrase") key.passphrase.fill(0);
  if (key.kind === "key-file") key.key.fill(0);
}

export function wrongKey(hint = ""): CohortError {
  return refuse("VAULT_KEY_WRONG", "the key does not open the vault", { hint });
}
