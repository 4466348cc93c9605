import type { NodeUpdate, RolloutStatus } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { parseDuration } from "@cohort/proto/quantity";
import { neutralise } from "@cohort/proto/text";
import { formatMoment } from "../moments.ts";
import type { Session } from "../session.ts";

export interface RolloutOptions {
  readonly to?: string;
  readonly select: string;
  readonly canary: number;
  readonly maxFailures: number;
  readonly maxConcurrent: number;
  readonly confirmWithin: string;
  readonly whileRunning: boolean;
  readonly downgrade: boolean;
}

/** Begins it; it goes on without us. */
export async function rollout(session: Session, options: RolloutOptions): Promise<number> {
  const { to: version, confirmWithin, ...rest } = options;
  if (version === undefined) {
    throw refuse("USAGE", "--to VERSION is needed", {
      hint: "`cohort agent releases` lists what is published.",
    });
  }
  const confirmMs = parseDuration(confirmWithin);
  if (confirmMs === null) throw refuse("USAGE", `${confirmWithin} is no duration such as 2m`);
  const console = await session.console();
  const request = { version, confirmMs, ...rest };
  const { rollout: id } = await console.call(console.agents, console.agents.rollout, request);
  session.output.result({ rollout: id, version }, () => id);
  if (session.output.format === "table") {
    session.output.progress("It has begun. To see how it goes: cohort agent rollout status");
  }
  return 0;
}

export async function rolloutStatus(session: Session): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const status = await console.call(console.agents, console.agents.status, {});
  output.result(statusView(status), () => {
    const table = output.table(
      ["NODE", "STATE", "VERSION", "SINCE", "REASON"],
      status.nodes.map((it) => [
        it.node,
        output.state(it.state),
        it.version,
        formatMoment(it.atMs),
        [it.code, it.reason].filter((text) => text !== "").join(" "),
      ]),
    );
    return `${neutralise(headline(status))}\n${table}`;
  });
  return 0;
}

export async function changeRollout(
  session: Session,
  verb: "pause" | "resume" | "abort",
  { reason }: { readonly reason: string },
): Promise<number> {
  const state = { pause: "paused", resume: "active", abort: "aborted" }[verb];
  const console = await session.console();
  const request = { state, reason };
  const { changed } = await console.call(console.agents, console.agents.change, request);
  session.output.result({ state, changed }, () =>
    changed ? `the rollout is ${state}` : `the rollout was ${state} already`,
  );
  return 0;
}

function headline({ request, state, reason, nodes }: RolloutStatus): string {
  const counts = new Map<string, number>();
  for (const { state: of } of nodes) counts.set(of, (counts.get(of) ?? 0) + 1);
  const summary = [...counts].map(([of, count]) => `${count} ${of}`).join(", ");
  const why = reason === "" ? "" : `: ${reason}`;
  return `rollout of ${request?.version ?? "-"} is ${state}${why} (${summary || "no nodes"})`;
}

function statusView({
  rollout: id,
  actor,
  request,
  state,
  reason,
  startedMs,
  nodes,
}: RolloutStatus) {
  return {
    rollout: id,
    actor,
    state,
    reason,
    started_ms: startedMs,
    version: request?.version ?? "",
    select: request?.select ?? "",
    canary: request?.canary ?? 0,
    max_failures: request?.maxFailures ?? 0,
    max_concurrent: request?.maxConcurrent ?? 0,
    confirm_ms: request?.confirmMs ?? 0,
    while_running: request?.whileRunning ?? false,
    downgrade: request?.downgrade ?? false,
    nodes: nodes.map(nodeUpdateView),
  };
}

function nodeUpdateView({ node, state, version, code, reason, atMs }: NodeUpdate) {
  return { node, state, version, code, reason, at_ms: atMs === 0 ? null : atMs };
}
