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

/** grpc-js has no option for it; HTTP/2 itself lets through about 64 KiB. */
const metadataBytesMax = 16 * 1024;

/** Who calls, if the method is theirs. Throws LIMIT_EXCEEDED, UNAUTHENTICATED, FORBIDDEN. */
export function authorise(
  credentials: readonly Credential[],
  metadata: Metadata,
  method: string,
): Caller {
  if (bytesOf(metadata) > metadataBytesMax) {
    throw refuse("LIMIT_EXCEEDED", `the metadata is longer than ${metadataBytesMax} bytes`);
  }
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

function bytesOf(metadata: Metadata): number {
  return Object.entries(metadata.toHttp2Headers())
    .flatMap(([name, values]) => [values ?? ""].flat().map((value) => `${name}: ${value}`))
    .reduce((sum, line) => sum + Buffer.byteLength(line), 0);
}
