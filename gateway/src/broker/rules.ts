import type { AedesOptions, AuthenticateError, Client } from "aedes";
import type { Logger } from "pino";
import type { Message } from "../events/events.ts";
import { limits } from "../limits.ts";
import { Tally } from "../tally.ts";
import { mayPublish, maySubscribe } from "./access.ts";
import { Gate, type Refusal, refusal } from "./gate.ts";
import type { RetainedTopics } from "./retained.ts";
import type { BrokerUser, BrokerUsers } from "./users.ts";

/** What each user may do, as aedes asks for it. Refusals are logged, and counted when they are many. */
export function brokerRules({
  users,
  log,
  now,
  retained,
  accept,
}: {
  readonly users: BrokerUsers;
  readonly log: Logger;
  readonly now: () => number;
  readonly retained: RetainedTopics;
  readonly accept: (message: Message) => void;
}): AedesOptions {
  const tally = new Tally(now);
  const refused = (text: string, user: string | undefined, fields: object) =>
    tally.note(`${text} ${user}`, (times) => log.warn({ user, ...fields, times }, text));
  const gate = new Gate(users, (user, reason) =>
    refused("a connection was refused", user, { reason }),
  );
  const userOf = new WeakMap<Client, BrokerUser>();
  const willTopic = new WeakMap<Client, string>();
  return {
    connectTimeout: limits.brokerConnectMs,
    maxInflightInbound: limits.brokerInflightMax,
    maxTopicLevels: limits.brokerTopicLevelsMax,

    preConnect(client, packet, done) {
      packet.clean = true;
      if (packet.will !== undefined) willTopic.set(client, packet.will.topic);
      done(null, true);
    },

    authenticate(client, name, password, done) {
      const admit = async (): Promise<Refusal | null> => {
        const admission = await gate.admit(client.id, name ?? "", password ?? Buffer.alloc(0));
        if (admission.refused !== null) return admission.refused;
        whenClosed(client, () => gate.release(client.id));
        const will = willTopic.get(client);
        if (will !== undefined && !mayPublish(admission.user, will)) return refusal.forbidden;
        userOf.set(client, admission.user);
        return null;
      };
      admit().then(
        (code) => done(code === null ? null : refusalError(code), code === null),
        (error: unknown) => {
          log.error({ error }, "a password could not be checked");
          done(refusalError(refusal.password), false);
        },
      );
    },

    authorizePublish(client, packet, done) {
      const user = client === null ? undefined : userOf.get(client);
      if (user === undefined || !mayPublish(user, packet.topic)) {
        refused("a publication was refused", user?.name, { topic: packet.topic });
        return done(new Error("not allowed to publish to this topic"));
      }
      if (packet.retain && !retained.admit(packet.topic, packet.payload.length)) {
        refused("the broker retains no more", user.name, { topic: packet.topic });
        return done(new Error("too much is retained"));
      }
      done(null);
    },

    authorizeSubscribe(client, subscription, done) {
      const user = userOf.get(client);
      const full = subscriptionsOf(client) >= limits.brokerSubscriptionsMax;
      if (user === undefined || full || !maySubscribe(user, subscription.topic)) {
        refused("a subscription was refused", user?.name, { filter: subscription.topic, full });
        return done(null, null);
      }
      done(null, subscription);
    },

    published(packet, client, done) {
      // What the broker itself publishes, under $SYS, has no client.
      if (client !== null) {
        const payload =
          typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
        accept({ topic: packet.topic, payload, filters: null });
      }
      done(null);
    },
  };
}

/** aedes keeps them by filter, and its types do not say so. */
function subscriptionsOf(client: Client & { readonly subscriptions?: object }): number {
  return Object.keys(client.subscriptions ?? {}).length;
}

function whenClosed(client: Client, action: () => void): void {
  if (client.conn.destroyed) action();
  else client.conn.once("close", action);
}

function refusalError(returnCode: Refusal): AuthenticateError {
  return Object.assign(new Error("refused"), { returnCode }) as AuthenticateError;
}
