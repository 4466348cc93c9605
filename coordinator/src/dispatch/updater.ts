import type { Update } from "@cohort/proto/gen/cohort/node";
import { CohortError, type Problem } from "@cohort/proto/problem";
import { decideUpdateRefused } from "../rollout/decide-rollout.ts";
import { rolloutLimits } from "../rollout/limits.ts";
import { type Rollout, releaseFor } from "../rollout/rollout.ts";
import type { Recorded } from "../state/event.ts";
import type { Writer } from "../state/writer.ts";
import type { HandOverDependencies } from "./hand-over.ts";

export interface UpdaterDependencies {
  readonly writer: Writer;
  readonly mesh: {
    /** Resolves when the node has taken it up. Throws UNREACHABLE, or what the node refuses it with. */
    update(node: string, update: Update): Promise<void>;
  };
  readonly sleep: HandOverDependencies["sleep"];
  /** A fault that no caller is left to be told of. */
  onFault(error: unknown): void;
}

/**
 * Tells nodes of the update that the log says they are to have, until each has heard. As a node forgets
 * what it was told when its agent ends before its time, it is told again whenever it comes back.
 */
export interface Updater {
  /** Durable events, in order. */
  onEvents(recorded: readonly Recorded[]): void;
  /** After a restart: nodes that were to be told. */
  resume(): void;
  close(): void;
}

export function createUpdater(dependencies: UpdaterDependencies): Updater {
  const { writer, onFault } = dependencies;
  const closing = new AbortController();
  const telling = new Set<string>();

  const start = (node: string) => {
    if (updateFor(writer, node) === null || telling.has(node) || closing.signal.aborted) return;
    telling.add(node);
    tell(dependencies, node, closing.signal)
      .catch(onFault)
      .finally(() => telling.delete(node));
  };
  return {
    onEvents(recorded) {
      for (const { event } of recorded) {
        if (event.$case === "nodeUpdateSent" || event.$case === "nodeConnected") {
          start(event.value.node);
        }
      }
    },
    resume() {
      for (const node of writer.state.rollouts.current?.busy ?? []) start(node);
    },
    close: () => closing.abort(),
  };
}

async function tell(
  { writer, mesh, sleep }: UpdaterDependencies,
  node: string,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const update = updateFor(writer, node);
    if (update === null) return;
    try {
      return await mesh.update(node, update);
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      if (!passing.has(error.code)) {
        const [problem] = error.problems as [Problem];
        await writer.decide(({ rollouts }) =>
          decideUpdateRefused(rollouts, update.rollout, node, problem),
        );
        return;
      }
    }
    await sleep(rolloutLimits.repeatMs, signal);
  }
}

/** Nobody heard it, or the node cannot tell at the moment. */
const passing: ReadonlySet<string> = new Set(["UNREACHABLE", "INTERNAL"]);

/** What the node is to be told now; null for nothing. */
function updateFor({ state: { rollouts, fleet } }: Writer, name: string): Update | null {
  const node = fleet.nodes.get(name);
  const rollout: Rollout | null = rollouts.current;
  if (rollout?.updates.get(name)?.state !== "sent" || node?.state !== "connected") return null;
  const { rollout: id, version, confirmMs, whileRunning, downgrade } = rollout.request;
  const published = releaseFor(rollouts, version, node.probed.arch);
  if (published === null || node.probed.version === version) return null;
  const { signed: release } = published;
  const keys = { keys: [...rollouts.keys] };
  return { rollout: id, release, keys, confirmMs, whileRunning, downgrade };
}
