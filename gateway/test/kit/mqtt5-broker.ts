import { createServer, type Socket } from "node:net";
import {
  generate,
  type IConnackPacket,
  type IConnectPacket,
  type IPublishPacket,
  type ISubscribePacket,
  type Packet,
  parser,
} from "mqtt-packet";

/** As much of an MQTT 5 broker as a test of the client needs: it records, and sends what it is told. */
export interface Mqtt5Broker {
  readonly url: string;
  readonly connects: IConnectPacket[];
  readonly subscribes: ISubscribePacket[];
  readonly unsubscribed: string[];
  readonly acknowledged: number[];
  readonly published: IPublishPacket[];
  /** How publications are answered: 0 for success, null for not at all. */
  verdict: number | null;
  /** What it tells clients, as they connect, that it can. */
  abilities: NonNullable<IConnackPacket["properties"]>;
  deliver(packet: {
    readonly topic: string;
    readonly payload: string;
    readonly messageId: number;
    readonly retain?: boolean;
    readonly subscriptionIdentifier?: number | number[];
  }): void;
  /** Cuts every connection. */
  cut(): void;
  close(): Promise<void>;
}

export async function startMqtt5Broker(): Promise<Mqtt5Broker> {
  const sockets = new Set<Socket>();
  const connects: IConnectPacket[] = [];
  const subscribes: ISubscribePacket[] = [];
  const unsubscribed: string[] = [];
  const acknowledged: number[] = [];
  const published: IPublishPacket[] = [];
  const version = { protocolVersion: 5 };
  const send = (socket: Socket, packet: Packet) => socket.write(generate(packet, version));

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    const incoming = parser(version);
    incoming.on("packet", (packet: Packet) => {
      if (packet.cmd === "connect") {
        connects.push(packet);
        send(socket, {
          cmd: "connack",
          reasonCode: 0,
          sessionPresent: connects.length > 1,
          properties: broker.abilities,
        } as Packet);
      } else if (packet.cmd === "subscribe") {
        subscribes.push(packet);
        const granted = packet.subscriptions.map(() => 1);
        send(socket, { cmd: "suback", messageId: packet.messageId, granted } as Packet);
      } else if (packet.cmd === "unsubscribe") {
        unsubscribed.push(...packet.unsubscriptions);
        const granted = packet.unsubscriptions.map(() => 0);
        send(socket, { cmd: "unsuback", messageId: packet.messageId, granted } as Packet);
      } else if (packet.cmd === "publish") {
        published.push(packet);
        const { messageId } = packet;
        if (packet.qos === 1 && broker.verdict !== null) {
          send(socket, { cmd: "puback", messageId, reasonCode: broker.verdict } as Packet);
        }
        if (packet.qos === 2) send(socket, { cmd: "pubrec", messageId, reasonCode: 0 } as Packet);
      } else if (packet.cmd === "pubrel") {
        if (broker.verdict === null) return;
        send(socket, { cmd: "pubcomp", messageId: packet.messageId, reasonCode: 0 } as Packet);
      } else if (packet.cmd === "puback") {
        acknowledged.push(packet.messageId as number);
      } else if (packet.cmd === "disconnect") {
        socket.end();
      }
    });
    socket.on("data", (chunk: Buffer) => incoming.parse(chunk));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const broker: Mqtt5Broker = {
    url: `mqtt://127.0.0.1:${port}`,
    connects,
    subscribes,
    unsubscribed,
    acknowledged,
    published,
    verdict: 0,
    abilities: {},
    deliver({ subscriptionIdentifier, retain = false, ...packet }) {
      const properties = subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier };
      for (const socket of sockets) {
        send(socket, {
          cmd: "publish",
          qos: 1,
          dup: false,
          retain,
          properties,
          ...packet,
        } as Packet);
      }
    },
    cut,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        cut();
      }),
  };
  return broker;
}
