import { createHash } from "node:crypto";
import { type ApprovalsServer, ApprovalsService } from "@cohort/proto/gen/cohort/console";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import { formerRun, type RunHistory } from "../history/history.ts";
import { decideApproval } from "../scheduler/decide-approval.ts";
import type { Writer } from "../state/writer.ts";
import type { Methods } from "./methods.ts";
import { approvalsView } from "./views.ts";

export function approvalsService(
  { unary }: Methods,
  writer: Writer,
  history: RunHistory,
): ApprovalsServer {
  const parts = { hash: sha256, former: (run: string) => formerRun(history, run) };
  return {
    list: unary(ApprovalsService.list, ({ run }, { role }) =>
      writer.read((state) => approvalsView(state, run, role)),
    ),
    decide: unary(ApprovalsService.decide, async (request, { name: actor, role }) => {
      const attempt = required(request.attempt);
      const { approve, comment } = request;
      await writer.decide((state, nowMs) =>
        decideApproval(state.runs, { attempt, approve, comment, actor, role }, nowMs, parts),
      );
      return {};
    }),
  };
}

function required(attempt: AttemptKey | undefined): AttemptKey {
  if (attempt !== undefined) return attempt;
  throw refuse("USAGE", "the request names no attempt");
}

function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
