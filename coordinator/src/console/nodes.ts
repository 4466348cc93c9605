import { type InviteReply, type NodesServer, NodesService } from "@cohort/proto/gen/cohort/console";
import type { Writer } from "../state/writer.ts";
import type { Methods } from "./methods.ts";
import { nodesView } from "./views.ts";

export interface NodesDependencies {
  readonly writer: Writer;
  invite(
    request: { name: string; labels: Record<string, string> },
    actor: string,
  ): Promise<InviteReply>;
  /** When the node was last heard of, ms since 1970; 0 for never. */
  seenMs(node: string): number;
}

export function nodesService(
  { unary }: Methods,
  { writer, invite, seenMs }: NodesDependencies,
): NodesServer {
  return {
    invite: unary(NodesService.invite, (request, caller) => invite(request, caller.name)),
    list: unary(NodesService.list, () => writer.read((state) => nodesView(state, seenMs))),
  };
}
