import { refuse } from "@cohort/proto/problem";
import type { Service } from "@cohort/proto/resources/service";
import type { AuthOf } from "@cohort/proto/resources/service/auth";
import type { Egress } from "../egress/egress.ts";
import { proxyLimits } from "../limits.ts";
import { type AccessToken, requestToken } from "./token-request.ts";

/** What a token is for: of another service, definition or secret is another token. */
export interface TokenKey {
  readonly service: Service;
  readonly auth: AuthOf<"oauth2">;
  /** Tells versions of the client's secret apart without being one. */
  readonly secretId: string;
}

/** Tokens that services gave, kept in memory until shortly before they expire. */
export interface AccessTokens {
  /**
   * Lends the token of the key, which is wiped after, and asks for one where there is none. Callers
   * that want the same token wait for one request. Throws what that failed with.
   */
  withToken<T>(key: TokenKey, secret: Buffer, use: (token: Buffer) => Promise<T>): Promise<T>;
  /**
   * Forgets tokens of a service that it did not accept, and says whether another try may help: the
   * tokens were asked for before `calledMs`, or another call has had them forgotten since.
   */
  rejected(service: string, calledMs: number): boolean;
}

export function createAccessTokens(egress: Egress, nowMs: () => number): AccessTokens {
  const kept = new Map<string, Kept>();
  /** When tokens of a service were last forgotten. */
  const rejectedMs = new Map<string, number>();
  const asked = new Map<string, Promise<Kept>>();

  const forget = (id: string) => {
    kept.get(id)?.value.fill(0);
    kept.delete(id);
  };
  const ask = async (id: string, key: TokenKey, secret: Buffer): Promise<Kept> => {
    const token = await requestToken(egress, key.service, key.auth, secret);
    const atMs = nowMs();
    const margin = Math.min(proxyLimits.accessTokenMarginMs, token.lifetimeMs / 10);
    const entry = {
      ...token,
      service: key.service.name,
      atMs,
      goodUntilMs: atMs + token.lifetimeMs - margin,
    };
    forget(id);
    kept.set(id, entry);
    for (const oldest of kept.keys()) {
      if (kept.size <= proxyLimits.accessTokensMax) break;
      forget(oldest);
    }
    return entry;
  };
  const current = async (key: TokenKey, secret: Buffer): Promise<Kept> => {
    const id = JSON.stringify([key.service.name, key.auth, key.secretId]);
    const known = kept.get(id);
    if (known !== undefined && known.goodUntilMs > nowMs()) return known;
    const running = asked.get(id);
    if (running !== undefined) return running;
    const started = ask(id, key, secret).finally(() => asked.delete(id));
    asked.set(id, started);
    return started;
  };
  return {
    async withToken(key, secret, use) {
      const { value } = await current(key, secret);
      const lent = Buffer.from(value);
      if (lent.every((byte) => byte === 0)) throw wiped();
      try {
        return await use(lent);
      } finally {
        lent.fill(0);
      }
    },
    rejected(service, calledMs) {
      const old = [...kept].filter(([, it]) => it.service === service && it.atMs < calledMs);
      for (const [id] of old) forget(id);
      if (old.length > 0) rejectedMs.set(service, nowMs());
      return (rejectedMs.get(service) ?? Number.NEGATIVE_INFINITY) >= calledMs;
    },
  };
}

interface Kept extends AccessToken {
  readonly service: string;
  readonly atMs: number;
  readonly goodUntilMs: number;
}

/** Forgotten between the moment when it came and the turn of the one who waited for it. */
function wiped(): Error {
  return refuse("SECRET_UNAVAILABLE", "the service's access token was given up; try again");
}
