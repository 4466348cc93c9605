import { type InviteReply, type NodesServer, NodesService } from "@cohort/proto/gen/cohort/console";
import { decideCordon, decideDrain, decideUncordon, enrolledNode } from "../fleet/decide-cordon.ts";
import { decideGrant, decideUngrant } from "../fleet/decide-devices.ts";
import { decideLabel } from "../fleet/decide-label.ts";
import { decideRotationAsked } from "../fleet/decide-rotation.ts";
import { decideSlots } from "../fleet/decide-slots.ts";
import { decideRevoke } from "../scheduler/decide-revoke.ts";
import type { Decision } from "../state/decision.ts";
import type { Feed } from "../state/feed.ts";
import type { State } from "../state/state.ts";
import type { Writer } from "../state/writer.ts";
import type { Methods } from "./methods.ts";
import { nodesView, nodeView } from "./views.ts";
import { createWaker } from "./waker.ts";

export interface NodesDependencies {
  readonly writer: Writer;
  readonly feed: Feed;
  invite(
    request: { name: string; labels: Record<string, string> },
    actor: string,
  ): Promise<InviteReply>;
  /** When the node was last heard of, ms since 1970; 0 for never. */
  seenMs(node: string): number;
}

export function nodesService(
  { unary, stream }: Methods,
  dependencies: NodesDependencies,
): NodesServer {
  const { writer, invite, seenMs } = dependencies;
  const change = async (decision: (state: State, nowMs: number) => Decision<boolean>) => ({
    changed: await writer.decide(decision),
  });
  return {
    invite: unary(NodesService.invite, (request, caller) => invite(request, caller.name)),
    list: unary(NodesService.list, () => writer.read((state) => nodesView(state, seenMs))),
    cordon: unary(NodesService.cordon, (request, { name: actor }) =>
      change(({ fleet }) => decideCordon(fleet, { ...request, actor })),
    ),
    drain: unary(NodesService.drain, (request, { name: actor }) =>
      change(({ fleet }, nowMs) => decideDrain(fleet, { ...request, actor }, nowMs)),
    ),
    uncordon: unary(NodesService.uncordon, (request, { name: actor }) =>
      change(({ fleet }) => decideUncordon(fleet, { ...request, actor })),
    ),
    setSlots: unary(NodesService.setSlots, (request, { name: actor }) =>
      change(({ fleet }) => decideSlots(fleet, { ...request, actor })),
    ),
    label: unary(NodesService.label, (request, { name: actor }) =>
      change(({ fleet }) => decideLabel(fleet, { ...request, actor })),
    ),
    rotate: unary(NodesService.rotate, ({ node }, { name: actor }) =>
      change(({ fleet }) => decideRotationAsked(fleet, { node, actor })),
    ),
    revoke: unary(NodesService.revoke, (request, { name: actor }) =>
      writer.decide((state) => decideRevoke(state, { ...request, actor })),
    ),
    grantDevice: unary(NodesService.grantDevice, (request, { name: actor }) =>
      change(({ fleet }) => decideGrant(fleet, { ...request, actor })),
    ),
    ungrantDevice: unary(NodesService.ungrantDevice, (request, { name: actor }) =>
      change(({ fleet }) => decideUngrant(fleet, { ...request, actor })),
    ),
    watch: stream(NodesService.watch, ({ node }, send, signal) =>
      watchNode(dependencies, node, send, signal),
    ),
  };
}

async function watchNode(
  { writer, feed, seenMs }: NodesDependencies,
  name: string,
  send: (node: ReturnType<typeof nodeView>) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const waker = createWaker(feed, signal, ({ kind }) => kind === "events");
  const look = () =>
    writer.read((state) => nodeView(state, enrolledNode(state.fleet, name), seenMs(name)));
  let shown = "";
  try {
    do {
      const node = await look();
      const { seenMs: _, ...news } = node;
      const text = JSON.stringify(news);
      if (text === shown) continue;
      shown = text;
      await send(node);
    } while (await waker.next());
  } finally {
    waker.close();
  }
}
