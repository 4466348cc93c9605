import type { ListTokensReply, StepToken } from "@cohort/proto/gen/cohort/console";
import { limits } from "@cohort/proto/limits";
import { knownNode } from "../fleet/decide-cordon.ts";
import type { FleetState } from "../fleet/fleet.ts";
import { findActive, type Runs } from "../scheduler/runs.ts";
import { ulidTimeMs } from "../ulid.ts";
import { custodyLimits } from "./limits.ts";
import { everyAttempt, isRevoked, type StepTokens, type TokenIds } from "./step-tokens.ts";

/**
 * Tokens of attempts that go on, the newest first: what this process has `issued`, and what was used of those
 * that one before it had. Throws NODE_UNKNOWN.
 */
export function listTokens(
  state: { readonly runs: Runs; readonly fleet: FleetState; readonly stepTokens: StepTokens },
  issued: TokenIds,
  { run, node }: { readonly run: string; readonly node: string },
  nowMs: number,
): ListTokensReply {
  if (node !== "") knownNode(state.fleet, node);
  const found = new Map<string, StepToken>();
  for (const { attempt, ids } of [state.stepTokens.known, issued].flatMap(everyAttempt)) {
    const instance = findActive(state.runs, attempt);
    if (instance === null || !fits(run, attempt.run) || !fits(node, instance.node)) continue;
    for (const token of ids) {
      const issuedMs = ulidTimeMs(token) ?? 0;
      const expiresMs = issuedMs + limits.stepTokenLifetimeMs;
      if (expiresMs <= nowMs) continue;
      const revoked = isRevoked(state.stepTokens, attempt);
      found.set(token, { token, attempt, node: instance.node, issuedMs, expiresMs, revoked });
    }
  }
  const tokens = [...found.values()].sort((one, other) => (one.token < other.token ? 1 : -1));
  const shown = tokens.slice(0, custodyLimits.tokensShownMax);
  return { tokens: shown, leftOut: tokens.length - shown.length };
}

function fits(wanted: string, name: string): boolean {
  return wanted === "" || wanted === name;
}
