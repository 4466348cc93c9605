import { createServer, type Server, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { Aedes, type AedesOptions, type AuthenticateError, type Client } from "aedes";
import { refuse } from "@cohort/proto/problem";
import type { Logger } from "pino";
import type { Message } from "../events/events.ts";
import { limits } from "../limits.ts";
import { mayPublish, maySubscribe } from "./access.ts";
import { Gate, type Refusal, refusal } from "./gate.ts";
import { PacketGuard } from "./packet-guard.ts";
import { RetainedTopics } from "./retained.ts";
import type { BrokerUser, BrokerUsers } from "./users.ts";

export interface EmbeddedBroker {
  /** "mqtt://host:port", with the port that was really taken. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * A broker for sites that have none: MQTT 3.1.1, in this process. Everyone needs a password and may
 * do what the users file says. It keeps no sessions, so nothing of one client is ever left to be
 * picked up by another, and no absent client fills its memory.
 */
export async function startBroker(parts: {
  readonly host: string;
  readonly port: number;
  readonly users: BrokerUsers;
  readonly log: Logger;
  /** Gets every message that a user published, wills included. */
  readonly accept: (message: Message) => void;
}): Promise<EmbeddedBroker> {
  const { host, port, log } = parts;
  const aedes = await Aedes.createBroker(rules(parts));
  aedes.on("clientError", (client, error) => logClosed(log, client, error));
  aedes.on("connectionError", (client, error) => logClosed(log, client, error));
  const server = createServer((socket) => aedes.handle(guarded(socket)));
  server.maxConnections = limits.brokerConnectionsMax;
  await listen(server, host, port);
  const address = server.address();
  const taken = address !== null && typeof address === "object" ? address.port : port;
  return {
    url: `mqtt://${host.includes(":") ? `[${host}]` : host}:${taken}`,
    close: () =>
      new Promise((done) => {
        server.close();
        aedes.close(() => done());
      }),
  };
}

function rules({ users, log, accept }: Parameters<typeof startBroker>[0]): AedesOptions {
  const gate = new Gate(users, log);
  const retained = new RetainedTopics();
  const userOf = new WeakMap<Client, BrokerUser>();
  const willTopic = new WeakMap<Client, string>();
  const subscriptions = new WeakMap<Client, Set<string>>();
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
        log.warn({ user: user?.name, topic: packet.topic }, "a publication was refused");
        return done(new Error("not allowed to publish to this topic"));
      }
      if (packet.retain && !retained.admit(packet.topic, packet.payload.length)) {
        log.warn({ user: user.name, topic: packet.topic }, "the broker retains no more");
        return done(new Error("too much is retained"));
      }
      done(null);
    },

    authorizeSubscribe(client, subscription, done) {
      const user = userOf.get(client);
      const topics = subscriptions.get(client) ?? new Set();
      subscriptions.set(client, topics.add(subscription.topic));
      const full = topics.size > limits.brokerSubscriptionsMax;
      if (user === undefined || full || !maySubscribe(user, subscription.topic)) {
        log.warn({ user: user?.name, filter: subscription.topic, full }, "a subscription was refused");
        topics.delete(subscription.topic);
        return done(null, null);
      }
      done(null, subscription);
    },

    published(packet, client, done) {
      // What the broker itself publishes, under $SYS, has no client.
      if (client !== null) {
        const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
        accept({ topic: packet.topic, payload, filters: null });
      }
      done(null);
    },
  };
}

function guarded(socket: Socket): Duplex {
  socket.setKeepAlive(true);
  socket.setNoDelay(true);
  const guard = new PacketGuard(limits.brokerPacketBytesMax);
  socket.pipe(guard);
  socket.on("error", (error) => guard.destroy(error));
  guard.on("error", () => socket.destroy());
  return Duplex.from({ readable: guard, writable: socket });
}

function whenClosed(client: Client, action: () => void): void {
  if (client.conn.destroyed) action();
  else client.conn.once("close", action);
}

function refusalError(returnCode: Refusal): AuthenticateError {
  return Object.assign(new Error("refused"), { returnCode }) as AuthenticateError;
}

function logClosed(log: Logger, client: Client, error: Error): void {
  log.info({ client: client.id, error: error.message }, "the broker closed a connection");
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((accept, reject) => {
    server.once("error", (cause) =>
      reject(refuse("SETUP_FAILED", `the broker cannot listen on ${host}:${port}`, {
        hint: "Is another broker running there? Choose another with --embedded-broker.",
      }, cause)),
    );
    server.listen(port, host, accept);
  });
}
