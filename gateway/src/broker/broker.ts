import type { EventEmitter } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { refuse } from "@cohort/proto/problem";
import { Aedes, type Client } from "aedes";
import type { Logger } from "pino";
import type { Message } from "../events/events.ts";
import { limits } from "../limits.ts";
import type { Outgoing, Publish } from "../publications/publications.ts";
import { PacketGuard } from "./packet-guard.ts";
import { RetainedTopics } from "./retained.ts";
import { brokerRules } from "./rules.ts";
import type { BrokerUsers } from "./users.ts";

export interface EmbeddedBroker {
  /** "mqtt://host:port", with the port that was really taken. */
  readonly url: string;
  /** The gateway's own messages; who may read them the users file says. */
  readonly publish: Publish;
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
  readonly now: () => number;
  /** Gets every message that a user published, wills included. */
  readonly accept: (message: Message) => void;
}): Promise<EmbeddedBroker> {
  const { host, port, log } = parts;
  const retained = new RetainedTopics();
  const aedes = await Aedes.createBroker(brokerRules({ ...parts, retained }));
  const emitter: EventEmitter = aedes;
  emitter.on("error", (error) => log.error({ error }, "the broker's store failed"));
  aedes.on("clientError", (client, error) => logClosed(log, client, error));
  aedes.on("connectionError", (client, error) => logClosed(log, client, error));
  const server = createServer((socket) => aedes.handle(guarded(socket)));
  server.maxConnections = limits.brokerConnectionsMax;
  await listen(server, host, port);
  const address = server.address();
  const taken = address !== null && typeof address === "object" ? address.port : port;
  return {
    url: `mqtt://${host.includes(":") ? `[${host}]` : host}:${taken}`,
    publish: (message) => publishHere(aedes, retained, parts.accept, message),
    close: () =>
      new Promise((done) => {
        server.close();
        aedes.close(() => done());
      }),
  };
}

/** As a user's message it may fire triggers, and counts where the broker is to retain it. */
function publishHere(
  aedes: Aedes,
  retained: RetainedTopics,
  accept: (message: Message) => void,
  { topic, payload: text, qos, retain }: Outgoing,
): Promise<string> {
  const payload = Buffer.from(text);
  if (retain && !retained.admit(topic, payload.length)) {
    return Promise.resolve("the broker retains no more");
  }
  const packet = {
    cmd: "publish" as const,
    topic,
    payload,
    qos: qos as 0 | 1 | 2,
    retain,
    dup: false,
  };
  return new Promise((resolve) => {
    aedes.publish(packet, (error) => {
      if (error === undefined || error === null) accept({ topic, payload, filters: null });
      resolve(error?.message ?? "");
    });
  });
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

/** A client that goes by itself ends the stream under aedes, which reports that as an error too. */
function logClosed(log: Logger, client: Client, error: Error): void {
  if (error.name === "AbortError") return;
  log.info({ client: client.id, error: error.message }, "the broker closed a connection");
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((accept, reject) => {
    server.once("error", (cause) =>
      reject(
        refuse(
          "SETUP_FAILED",
          `the broker cannot listen on ${host}:${port}`,
          {
            hint: "Is another broker running there? Choose another with --embedded-broker.",
          },
          cause,
        ),
      ),
    );
    server.listen(port, host, accept);
  });
}
