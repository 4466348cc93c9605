import { limits } from "@cohort/proto/limits";
import { Pool } from "undici";
import type { Credential } from "../credential/kind.ts";
import { proxyLimits } from "../limits.ts";
import { pinnedConnector } from "./connect.ts";
import type { Target } from "./target.ts";

/** What a connection belongs to: none is ever used for another. */
export interface PoolKey {
  readonly service: string;
  readonly target: Target;
  /** PEM, or null for the public roots. */
  readonly ca: string | null;
  /** Only looked at: what is lent may be wiped once the pool stands. */
  readonly credential: Pick<Credential, "id" | "certificate">;
  readonly address: string;
}

export interface Pools {
  get(key: PoolKey): Pool;
  /** Breaks off what is out. */
  close(): Promise<void>;
}

export function createPools(): Pools {
  const pools = new Map<string, Pool>();
  return {
    get(key) {
      const { service, target, ca, credential, address } = key;
      const id = JSON.stringify([service, target.origin, ca, credential.id, address]);
      const pool = pools.get(id) ?? createPool(key);
      pools.delete(id);
      pools.set(id, pool);
      if (pools.size > proxyLimits.poolsMax) closeOldest(pools);
      return pool;
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
      pools.clear();
    },
  };
}

function createPool({ target, address, ca, credential }: PoolKey): Pool {
  return new Pool(target.origin, {
    connect: pinnedConnector(target, address, ca, credential.certificate),
    connections: proxyLimits.connectionsPerPoolMax,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: limits.proxyHeaderBytesMax,
    keepAliveTimeout: proxyLimits.idleConnectionMs,
    keepAliveMaxTimeout: proxyLimits.idleConnectionMs,
  });
}

/** Ends by itself once the calls that are out on it have ended, each by its own deadline. */
function closeOldest(pools: Map<string, Pool>): void {
  const [oldest] = pools;
  if (oldest === undefined) return;
  pools.delete(oldest[0]);
  oldest[1].close(() => {});
}
