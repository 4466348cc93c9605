import { createHash, timingSafeEqual } from "node:crypto";
import { refuse } from "@cohort/proto/problem";
import { methodRoles, type Role } from "@cohort/proto/roles";
import type { Metadata } from "@grpc/grpc-js";

/** A console credential: only the hash of its token is kept. */
export interface Credential {
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the bearer token, hex; the token has 256 random bits, so no slow hash is needed. */
  readonly tokenHash: string;
}

export interface Caller {
  readonly name: string;
  readonly role: Role;
}

/** Who calls, if the method is theirs. Throws UNAUTHENTICATED, FORBIDDEN. */
export function authorise(
  credentials: readonly Credential[],
  metadata: Metadata,
  method: string,
): Caller {
  const header = String(metadata.get("authorization")[0] ?? "");
  const token = header.startsWith("Bearer ") ? header.slice("Bearer ".length) : "";
  const hash = createHash("sha256").update(token).digest();
  const caller = credentials.find((it) => timingSafeEqual(Buffer.from(it.tokenHash, "hex"), hash));
  if (caller === undefined) {
    throw refuse("UNAUTHENTICATED", "the request carries no valid credential", {
      hint: "Name the operator's context file: --context FILE or COHORT_CONTEXT.",
    });
  }
  if (!(methodRoles[method] ?? []).includes(caller.role)) {
    throw refuse("FORBIDDEN", `the role ${caller.role} may not call ${method}`);
  }
  return caller;
}
