import type { StepToken } from "@cohort/proto/gen/cohort/console";
import { attemptId } from "@cohort/proto/proof";
import { neutralise } from "@cohort/proto/text";
import { formatMoment } from "../moments.ts";
import type { Session } from "../session.ts";
import { attemptView, tokenView } from "../views.ts";

/** Ids of tokens of steps that go on. What a token itself is, only its node holds. */
export async function listTokens(
  session: Session,
  filter: { readonly run: string; readonly node: string },
): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const reply = await console.call(console.tokens, console.tokens.list, filter);
  const { tokens, leftOut } = reply;
  output.result({ tokens: tokens.map(tokenView), left_out: leftOut }, () =>
    [
      output.table(
        ["TOKEN", "NODE", "ATTEMPT", "ISSUED", "EXPIRES", "STATE"],
        tokens.map((it) => [
          it.token,
          it.node,
          attemptOf(it),
          formatMoment(it.issuedMs),
          formatMoment(it.expiresMs),
          it.revoked ? "revoked" : "live",
        ]),
      ),
      ...(leftOut === 0 ? [] : [`${leftOut} older ones are left out: say --run or --node`]),
    ].join("\n"),
  );
  return 0;
}

export async function revokeToken(
  session: Session,
  token: string,
  { reason }: { readonly reason: string },
): Promise<number> {
  const console = await session.console();
  const reply = await console.call(console.tokens, console.tokens.revoke, { token, reason });
  const { changed, attempt, node } = reply;
  const view = {
    token,
    changed,
    attempt: attempt === undefined ? null : attemptView(attempt),
    node,
  };
  session.output.result(view, () =>
    neutralise(
      changed
        ? `${token} is revoked: ${attemptOf(reply)} on ${node} makes no call any more`
        : `${token} was revoked before`,
    ),
  );
  return 0;
}

function attemptOf({ attempt }: Pick<StepToken, "attempt">): string {
  return attempt === undefined ? "" : attemptId(attempt);
}
