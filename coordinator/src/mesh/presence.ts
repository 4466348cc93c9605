import { limits } from "@cohort/proto/limits";
import { meshLimits } from "./limits.ts";

/**
 * When each node was last heard. Kept beside the state of the mesh, for heartbeats are no events.
 */
export interface Presence {
  seen(node: string): void;
  /** Milliseconds of the clock; undefined for a node that is not watched. */
  lastSeenMs(node: string): number | undefined;
  close(): void;
}

export interface PresenceOptions {
  /** Nodes that the log shows as connected: they get a full silence from now. */
  readonly connected: Iterable<string>;
  readonly now: () => number;
  /**
   * Told, once each, of nodes not heard for longer than limits.nodeSilenceMsMax, with the time when
   * they were. A node told of is watched again when it is heard again.
   */
  readonly onSilent: (lastSeenMs: ReadonlyMap<string, number>) => void;
}

export function watchPresence({ connected, now, onSilent }: PresenceOptions): Presence {
  let checkedMs = now();
  const lastSeen = new Map([...connected].map((node) => [node, checkedMs]));
  const check = () => {
    const nowMs = now();
    forgiveOwnAbsence(lastSeen, nowMs - checkedMs);
    checkedMs = nowMs;
    const silent = new Map(
      [...lastSeen].filter(([, seenMs]) => nowMs - seenMs > limits.nodeSilenceMsMax),
    );
    for (const node of silent.keys()) lastSeen.delete(node);
    if (silent.size > 0) onSilent(silent);
  };
  const timer = setInterval(check, meshLimits.presenceCheckMs);
  return {
    seen: (node) => void lastSeen.set(node, now()),
    lastSeenMs: (node) => lastSeen.get(node),
    close: () => clearInterval(timer),
  };
}

/**
 * A check that comes late means that this process stood still (a suspended machine, a long pause),
 * and heard nobody: the heartbeats of that time are still to be read.
 */
function forgiveOwnAbsence(lastSeen: Map<string, number>, elapsedMs: number): void {
  const lateMs = elapsedMs - meshLimits.presenceCheckMs;
  if (lateMs < meshLimits.presenceCheckMs) return;
  for (const [node, seenMs] of lastSeen) lastSeen.set(node, seenMs + lateMs);
}
