import { type CohortError, refuse } from "@cohort/proto/problem";
import * as z from "zod";
import { argon2id, argon2idCosts, argon2idSaltBytes } from "./argon2id.ts";
import { readKeyFile } from "./key-file.ts";
import { sodium } from "./sodium.ts";

/**
 * Where the key encryption key comes from. A passphrase is wiped when it has been used, whether it
 * was the right one or not.
 */
export type KeySource =
  | { readonly kind: "passphrase"; readonly passphrase: Buffer }
  | { readonly kind: "key-file"; readonly path: string };

/** How the key is made from its source: public, and kept in the vault beside what the key wraps. */
export type KeyMethod = z.infer<typeof keyMethod>;

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
]);

/** A method for a new vault. Throws USAGE when the passphrase is too short. */
export function chooseMethod(source: KeySource): KeyMethod {
  if (source.kind === "key-file") return { kind: "key-file" };
  if (source.passphrase.length < passphraseBytesMin) {
    source.passphrase.fill(0);
    throw refuse("USAGE", `the passphrase has less than ${passphraseBytesMin} bytes`, {
      hint: "Six words chosen at random are a good one.",
    });
  }
  return {
    kind: "passphrase",
    salt: Buffer.from(sodium.randombytes_buf(argon2idSaltBytes)).toString("hex"),
    ...argon2idCosts,
  };
}

/** Whoever takes the file may guess at leisure; Argon2id only slows each guess. */
export const passphraseBytesMin = 12;

/** 32 bytes, to be wiped by the caller. Throws VAULT_KEY_WRONG when the source is of the other kind or unfit. */
export async function deriveKey(source: KeySource, method: KeyMethod): Promise<Buffer> {
  try {
    if (source.kind === "key-file" && method.kind === "key-file") return readKeyFile(source.path);
    if (source.kind === "passphrase" && method.kind === "passphrase") {
      return await argon2id(source.passphrase, {
        ...method,
        salt: Buffer.from(method.salt, "hex"),
      });
    }
    throw wrongKey(`It opens with a ${method.kind}.`);
  } finally {
    if (source.kind === "passphrase") source.passphrase.fill(0);
  }
}

export function wrongKey(hint = ""): CohortError {
  return refuse("VAULT_KEY_WRONG", "the key does not open the vault", { hint });
}
