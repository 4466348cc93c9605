import { keepNewest } from "@cohort/proto/keep-newest";
import { limits } from "@cohort/proto/limits";
import { type CohortError, refuse } from "@cohort/proto/problem";
import { asBuffer } from "../vault/sodium.ts";
import { decodeClaims, encodeClaims, type TokenClaims } from "./claims.ts";
import { decryptPaseto, encryptPaseto, peekFooter } from "./paseto.ts";

export type { TokenClaims };

/** The keys of step tokens, 32 bytes each, by the id that stands in a token's footer. */
export interface TokenKeys {
  /** What tokens of this mesh are for; see `proxyAudience`. */
  readonly audience: string;
  /** Id of the key that new tokens are encrypted with. */
  readonly current: string;
  readonly byId: ReadonlyMap<string, Uint8Array>;
  /** What tokens said that were opened lately, by their text; the oldest first. */
  readonly opened: Map<string, TokenClaims>;
}

/** `mesh` is the mesh's ULID. */
function proxyAudience(mesh: string): string {
  return `cohort-proxy/${mesh}`;
}

/**
 * The keys of a mesh, derived from its vault (`vault.derive`). An id more, put first, is a rotation:
 * tokens under the older ids are still opened.
 */
export function createTokenKeys(options: {
  readonly mesh: string;
  readonly derive: (purpose: string) => Uint8Array;
  /** Newest first; one at least. */
  readonly ids: readonly [string, ...string[]];
}): TokenKeys {
  const { mesh, derive, ids } = options;
  return {
    audience: proxyAudience(mesh),
    current: ids[0],
    byId: new Map(ids.map((id) => [id, derive(`step-token/${id}`)])),
    opened: new Map(),
  };
}

/**
 * A step token: PASETO v4.local, its footer the key's id. Throws a RangeError when the claims are
 * not well formed or live longer than `limits.stepTokenLifetimeMs`.
 */
export function issueToken(options: {
  readonly keys: TokenKeys;
  readonly claims: Omit<TokenClaims, "audience">;
}): string {
  const { keys, claims } = options;
  const key = keys.byId.get(keys.current);
  if (key === undefined) throw new RangeError(`the token key "${keys.current}" is missing`);
  const message = encodeClaims({ ...claims, audience: keys.audience });
  return encryptPaseto(key, { message, footer: Buffer.from(keys.current) });
}

/**
 * The claims of a token that this mesh issued and that is valid now. Throws TOKEN_INVALID, in the
 * same words whatever is wrong with it, or TOKEN_EXPIRED. Whether its node sent it, and whether its
 * attempt still runs, is for the caller to ask.
 */
export function openToken(keys: TokenKeys, text: string, nowMs: number): TokenClaims {
  const claims = keys.opened.get(text) ?? claimsOf(keys, text);
  if (nowMs >= claims.expiresMs) throw refuse("TOKEN_EXPIRED", "the step token has expired");
  if (claims.issuedMs > nowMs + limits.proofSkewMsMax) throw invalid();
  return claims;
}

/** A step calls many times with one token: what that says is remembered as long as the keys are. */
function claimsOf({ byId, audience, opened }: TokenKeys, text: string): TokenClaims {
  const footer = text.length <= textLengthMax ? peekFooter(text) : null;
  const key = footer === null ? undefined : byId.get(asBuffer(footer).toString());
  const plain = key === undefined ? null : decryptPaseto(key, text);
  const claims = plain === null ? null : decodeClaims(plain.message);
  if (claims === null || claims.audience !== audience) throw invalid();
  opened.set(text, claims);
  keepNewest(opened, openedMax);
  return claims;
}

const openedMax = 1_024;

/** Well above the longest that is ever issued. */
const textLengthMax = 16 * 1024;

function invalid(): CohortError {
  return refuse("TOKEN_INVALID", "the step token does not verify");
}
