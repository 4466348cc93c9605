import { type TokensServer, TokensService } from "@cohort/proto/gen/cohort/console";
import { decideTokenRevoked } from "../custody/decide-token-revoked.ts";
import { listTokens } from "../custody/list-tokens.ts";
import type { Writer } from "../state/writer.ts";
import type { IssuedTokens } from "../tokens/issued-tokens.ts";
import type { Methods } from "./methods.ts";

export interface TokensDependencies {
  readonly writer: Writer;
  readonly issuedTokens: Pick<IssuedTokens, "ids">;
  readonly now: () => number;
}

export function tokensService(
  { unary }: Methods,
  { writer, issuedTokens, now }: TokensDependencies,
): TokensServer {
  return {
    list: unary(TokensService.list, (filter) =>
      writer.read((state) => listTokens(state, issuedTokens.ids, filter, now())),
    ),
    revoke: unary(TokensService.revoke, ({ token, reason }, { name: actor }) => {
      const revocation = { token, reason, actor, issued: issuedTokens.ids };
      return writer.decide((state, nowMs) => decideTokenRevoked(state, revocation, nowMs));
    }),
  };
}
