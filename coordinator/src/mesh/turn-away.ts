import { assertNotBarred } from "../fleet/barred.ts";
import type { FleetState } from "../fleet/fleet.ts";
import type { MeshHandlers } from "./mesh.ts";

/**
 * What a node says that is kept out is not heard, though its connection may stand for a moment more.
 * Proxied calls go on to the proxy, which refuses them and records that.
 */
export function turnAway(fleet: FleetState, handlers: MeshHandlers): MeshHandlers {
  const member =
    <Request, Reply>(handle: (node: string, request: Request) => Promise<Reply>) =>
    async (node: string, request: Request): Promise<Reply> => {
      assertNotBarred(fleet, node);
      return handle(node, request);
    };
  return {
    enrol: handlers.enrol,
    session: handlers.session,
    hello: handlers.hello,
    rotate: handlers.rotate,
    heartbeat: handlers.heartbeat,
    proxy: handlers.proxy,
    facts: member(handlers.facts),
    events: member(handlers.events),
    renew: member(handlers.renew),
    put: member(handlers.put),
    get: member(handlers.get),
    release: member(handlers.release),
    witness: member(handlers.witness),
  };
}
