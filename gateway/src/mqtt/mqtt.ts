import { createHash } from "node:crypto";
import {
  connect,
  ErrorWithReasonCode,
  type IClientPublishOptions,
  type IConnackPacket,
  type IPublishPacket,
  type MqttClient,
} from "mqtt";
import type { Logger } from "pino";
import { backoffMs } from "../backoff.ts";
import type { Message } from "../events/events.ts";
import { limits } from "../limits.ts";
import type { Outgoing, Publish } from "../publications/publications.ts";

export interface BrokerAddress {
  /** mqtts://host:port, or mqtt:// where the operator accepts that it is not encrypted. */
  readonly url: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** PEM of the authority that signs the broker's certificate; the system's when absent. */
  readonly ca: string | undefined;
  /** Stable, so that the broker keeps what arrives while the gateway is away. */
  readonly clientId: string;
}

/** A broker of the site that the gateway has joined. */
export interface JoinedBroker {
  /**
   * Replaces what is subscribed to. The first call connects: what the broker has kept for the session
   * comes at once, and must find the triggers that it is for.
   */
  setFilters(filters: readonly string[]): void;
  readonly publish: Publish;
  close(): Promise<void>;
}

/**
 * Joins a broker and stays with it: MQTT 5 with a session, QoS 1, and 3.1.1 where the broker knows
 * no better. `accept` must take a message over before it returns; only then is it acknowledged.
 */
export function joinBroker(
  address: BrokerAddress,
  parts: {
    readonly log: Logger;
    readonly random: () => number;
    readonly accept: (message: Message) => void;
  },
): JoinedBroker {
  const { log, random } = parts;
  const client = connect(address.url, connectOptions(address));
  const wanted = new Map<number, string>();

  client.handleMessage = (packet, acknowledge) => {
    // A retained message that a subscription brings up is an old state, not an event.
    if (!packet.retain) parts.accept(messageOf(packet, wanted));
    acknowledge();
  };
  let abilities: IConnackPacket["properties"];
  client.on("connect", ({ sessionPresent, properties }) => {
    abilities = properties;
    log.info({ broker: address.url, sessionPresent }, "joined the broker");
    client.options.reconnectPeriod = backoffMs(0, random);
    failures = 0;
    for (const [identifier, filter] of wanted) subscribe(client, filter, identifier, log);
  });
  let failures = 0;
  client.on("reconnect", () => {
    failures += 1;
    client.options.reconnectPeriod = backoffMs(failures, random);
  });
  client.on("error", (error) => {
    log.warn({ broker: address.url, error: error.message }, "the broker refused or failed");
    if (isOldBroker(client, error)) client.options.protocolVersion = 4;
  });
  client.on("offline", () => log.warn({ broker: address.url }, "the broker is away"));

  let started = false;
  return {
    setFilters(filters) {
      if (!started) client.connect();
      started = true;
      for (const [identifier, filter] of wanted) {
        if (filters.includes(filter)) continue;
        wanted.delete(identifier);
        if (client.connected) client.unsubscribe(filter);
      }
      for (const filter of filters) {
        const identifier = identifierOf(filter);
        if (wanted.get(identifier) === filter) continue;
        wanted.set(identifier, filter);
        if (client.connected) subscribe(client, filter, identifier, log);
      }
    },
    publish: (message, signal) => send(client, message, signal, () => abilities ?? {}),
    close: async () => {
      if (started) await client.endAsync();
    },
  };
}

type Abilities = NonNullable<IConnackPacket["properties"]>;

/** Waits for a connection, then for the broker's word; the client itself repeats what got none. */
function send(
  client: MqttClient,
  message: Outgoing,
  signal: AbortSignal,
  abilities: () => Abilities,
): Promise<string | null> {
  return new Promise((resolve) => {
    const end = (refusal: string | null) => {
      client.off("connect", attempt);
      signal.removeEventListener("abort", onAbort);
      resolve(refusal);
    };
    const onAbort = () => end(null);
    const attempt = () => {
      const lack = lackOf(abilities(), message);
      if (lack !== null) return end(lack);
      client.publish(message.topic, message.payload, publishOptions(client, message), (error) => {
        if (error === undefined || error === null) return end("");
        // A connection that went down is no verdict on the message.
        if (error instanceof ErrorWithReasonCode || client.connected) return end(error.message);
        if (!signal.aborted) client.once("connect", attempt);
      });
    };
    if (signal.aborted) return resolve(null);
    signal.addEventListener("abort", onAbort, { once: true });
    if (client.connected) attempt();
    else client.once("connect", attempt);
  });
}

/** What the broker said that it cannot do: it would cut the connection (MQTT 5 §3.2.2.3). */
function lackOf(abilities: Abilities, { topic, payload, qos, retain }: Outgoing): string | null {
  const { maximumQoS = 2, retainAvailable = true, maximumPacketSize } = abilities;
  if (qos > maximumQoS) return `the broker has no QoS ${qos}`;
  if (retain && !retainAvailable) return "the broker retains nothing";
  const bytes = Buffer.byteLength(topic) + Buffer.byteLength(payload) + packetFrameBytesMax;
  if (maximumPacketSize !== undefined && bytes > maximumPacketSize) {
    return `the broker takes no more than ${maximumPacketSize} bytes`;
  }
  return null;
}

/** Fixed header, lengths, packet identifier, and the message id as a property. */
const packetFrameBytesMax = 512;

/** Only MQTT 5 has a place for the message id beside the payload. */
function publishOptions(
  client: MqttClient,
  { qos, retain, messageId }: Outgoing,
): IClientPublishOptions {
  const options = { qos: qos as 0 | 1 | 2, retain };
  if (client.options.protocolVersion !== 5) return options;
  return { ...options, properties: { userProperties: { "message-id": messageId } } };
}

/** 23 characters, which every broker takes; derived from the token, so it tells nothing of it. */
export function clientIdFor(token: string): string {
  return `cohort-${createHash("sha256").update(`mqtt ${token}`).digest("hex").slice(0, 16)}`;
}

function connectOptions({ username, password, ca, clientId }: BrokerAddress) {
  return {
    clientId,
    protocolVersion: 5 as const,
    clean: false,
    manualConnect: true,
    keepalive: limits.mqttKeepaliveSeconds,
    properties: {
      sessionExpiryInterval: limits.mqttSessionExpirySeconds,
      receiveMaximum: limits.mqttReceiveMax,
      maximumPacketSize: limits.mqttPacketBytesMax,
    },
    resubscribe: false,
    reconnectPeriod: limits.retryFirstMs,
    reconnectOnConnackError: true,
    rejectUnauthorized: true,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(ca === undefined ? {} : { ca }),
  };
}

function subscribe(client: MqttClient, filter: string, identifier: number, log: Logger): void {
  const options =
    client.options.protocolVersion === 5
      ? { qos: 1 as const, rh: 2, properties: { subscriptionIdentifier: identifier } }
      : { qos: 1 as const };
  client.subscribe(filter, options, (error) => {
    if (error) log.error({ filter, error: error.message }, "the broker refused a subscription");
  });
}

/**
 * With MQTT 5 each copy says which subscriptions it is for (§3.3.2.3.8). An identifier that is not
 * wanted belongs to a session of an earlier configuration: its copy fires nothing.
 */
function messageOf(packet: IPublishPacket, wanted: ReadonlyMap<number, string>): Message {
  const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
  const identifiers = [packet.properties?.subscriptionIdentifier ?? []].flat();
  const filters = identifiers.flatMap((identifier) => wanted.get(identifier) ?? []);
  return {
    topic: packet.topic,
    payload,
    filters: identifiers.length === 0 ? null : new Set(filters),
  };
}

/** Made from the filter itself, so that it means the same after a restart; 1 to 268,435,455. */
function identifierOf(filter: string): number {
  return (createHash("sha256").update(filter).digest().readUInt32BE(0) % 268_435_455) + 1;
}

/** CONNACK 1 (3.1.1) or 132 (5): unacceptable protocol version. */
function isOldBroker(client: MqttClient, error: Error & { code?: unknown }): boolean {
  return client.options.protocolVersion === 5 && (error.code === 1 || error.code === 132);
}
