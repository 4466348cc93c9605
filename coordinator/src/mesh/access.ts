import type { NatsConnection } from "@nats-io/nats-core";
import type { Logger } from "pino";
import { connectNats, type NatsAddress } from "./connection.ts";
import { accessInboxPrefix, claimsUpdateSubject, issueAccessCredential } from "./credentials.ts";
import { meshLimits } from "./limits.ts";
import { userPublicKey } from "./nkey.ts";
import { type NatsSeeds, signMeshAccount } from "./operator.ts";

/** Which keys nats-server lets in no more. */
export interface Access {
  /**
   * Cuts the connections of these keys (hex, with the time when they became void) and lets none of
   * them in again. What nats-server has not taken yet it is given again, until it has.
   */
  shut(voidKeys: ReadonlyMap<string, number>): void;
  close(): Promise<void>;
}

export interface AccessOptions extends Pick<NatsAddress, "servers" | "ca"> {
  readonly seeds: NatsSeeds;
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly log: Logger;
}

/**
 * Revocations stand in the JWT of the mesh's account. It is given to nats-server over a connection
 * to the system account that can do nothing else, and which is made when it is first needed.
 */
export function createAccess(options: AccessOptions): Access {
  const { seeds, now, sleep, log } = options;
  const known = new Map<string, number>();
  const closing = new AbortController();
  let connection: Promise<NatsConnection> | null = null;
  let wanted = 0;
  let giving: Promise<void> | null = null;

  const connected = () => {
    connection ??= connectAccess(options).catch((error: unknown) => {
      connection = null;
      throw error;
    });
    return connection;
  };
  const give = async () => {
    const jwt = await signMeshAccount(seeds, voidUntil(known, now()));
    const timeout = meshLimits.accessAnswerMsMax;
    const answer = await (await connected()).request(claimsUpdateSubject, jwt, { timeout });
    const { data, error } = answer.json<ClaimsAnswer>();
    if (data?.code !== 200) throw new Error(error?.description ?? "nats-server took no revocation");
  };
  const giveAll = async () => {
    for (let given = -1; given !== wanted && !closing.signal.aborted; ) {
      const attempt = wanted;
      try {
        await give();
        given = attempt;
      } catch (error) {
        if (closing.signal.aborted) break;
        log.error({ err: error }, "revoked keys could not be told to nats-server; trying again");
        await sleep(meshLimits.accessRetryMs, closing.signal);
      }
    }
    // At once with the last look at `wanted`: what is asked for later begins anew.
    giving = null;
  };

  return {
    shut(voidKeys) {
      if (voidKeys.size === 0) return;
      for (const [key, sinceMs] of voidKeys) known.set(key, sinceMs);
      wanted++;
      giving ??= giveAll();
    },
    async close() {
      closing.abort();
      await (await connection?.catch(() => null))?.close();
      await giving;
    },
  };
}

interface ClaimsAnswer {
  readonly data?: { readonly code: number };
  readonly error?: { readonly description: string };
}

async function connectAccess({ servers, ca, seeds }: AccessOptions): Promise<NatsConnection> {
  const credential = await issueAccessCredential(seeds.systemAccount);
  return connectNats({ servers, ca, credential, name: "access", inboxPrefix: accessInboxPrefix });
}

/**
 * Every credential of a void key has ended by itself a lifetime after it became void; until then it
 * is refused, whichever clock it was issued by.
 */
function voidUntil(voidKeys: ReadonlyMap<string, number>, nowMs: number): Map<string, number> {
  const lifetimeMs = meshLimits.nodeCredentialLifetimeMs;
  return new Map(
    [...voidKeys]
      .map(([key, sinceMs]): [string, number] => [
        userPublicKey(Buffer.from(key, "hex")),
        sinceMs + lifetimeMs,
      ])
      .filter(([, untilMs]) => nowMs < untilMs),
  );
}
