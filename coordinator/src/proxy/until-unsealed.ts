import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import type { Service } from "@cohort/proto/resources/service";
import type { CoreProxy } from "./proxy.ts";

/**
 * The proxy, whose `call` steps wait for a sealed vault when they need a secret, for as long as their attempt
 * lives; so an operator who unseals it after a restart finds nothing that failed for want of him. Nodes
 * are refused at once, since a program waits there.
 */
export function untilUnsealed<Proxy extends CoreProxy>(
  proxy: Proxy,
  lookups: {
    readonly unsealed: (isWanted: () => boolean) => Promise<void>;
    readonly service: (name: string) => Service | null;
    readonly attemptIsLive: (attempt: AttemptKey, node: string) => boolean;
  },
): CoreProxy {
  return {
    fromNode: (...args) => proxy.fromNode(...args),
    breakOffEnded: () => proxy.breakOffEnded(),
    async fromStep(call) {
      if ((lookups.service(call.service)?.auth.type ?? "none") !== "none") {
        await lookups.unsealed(() => lookups.attemptIsLive(call.attempt, ""));
      }
      return proxy.fromStep(call);
    },
  };
}
