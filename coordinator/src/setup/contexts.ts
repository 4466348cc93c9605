import { hash, randomBytes } from "node:crypto";
import type { Role } from "@cohort/proto/roles";
import * as z from "zod";
import type { Config } from "./config.ts";
import { readText, writePrivate } from "./files.ts";

/**
 * A context file: all that a client needs to call the console API. It holds a secret, the token.
 */
export const context = z.strictObject({
  /** "host:port", gRPC over TLS. */
  endpoint: z.string(),
  /** PEM of the mesh's root certificate. */
  ca: z.string(),
  /** Bearer token. */
  token: z.string().min(1),
});

type Credential = Config["credentials"][number];

/**
 * Writes the context file of a role and gives the credential to be known by. A token that stands in
 * the file and is known already is kept; otherwise there is a new one, and the old is no longer
 * valid.
 */
export function provideContext(
  path: string,
  role: Role,
  known: readonly Credential[],
  connection: { readonly endpoint: string; readonly ca: string },
): Credential {
  const kept = standingToken(path, role, known);
  const token = kept ?? randomBytes(32).toString("base64url");
  writePrivate(path, `${JSON.stringify({ ...connection, token }, null, 2)}\n`);
  return { role, tokenHash: hashToken(token) };
}

/** SHA-256, lower-case hex. The token has 256 bits of randomness, so no slow hash is needed. */
export function hashToken(token: string): string {
  return hash("sha256", token, "hex");
}

function standingToken(path: string, role: Role, known: readonly Credential[]): string | null {
  const text = readText(path);
  if (text === null) return null;
  try {
    const { token } = context.parse(JSON.parse(text));
    const tokenHash = hashToken(token);
    return known.some((it) => it.role === role && it.tokenHash === tokenHash) ? token : null;
  } catch {
    return null;
  }
}
