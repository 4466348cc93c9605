import type { SubmitWebhookRequest } from "@cohort/proto/gen/cohort/console";
import type { Logger } from "pino";
import { startBroker } from "./broker/broker.ts";
import { ConsoleClient } from "./console-client/console-client.ts";
import { Events } from "./events/events.ts";
import { limits } from "./limits.ts";
import { joinBroker } from "./mqtt/mqtt.ts";
import type { GatewayOptions } from "./options.ts";
import { type Publish, publishOffers } from "./publications/publications.ts";
import { Tally } from "./tally.ts";
import { startWebhooks, type Webhooks, type WebhooksAddress } from "./webhooks/webhooks.ts";

/** Where it takes events; webhooks where it was told to. */
export interface Addresses {
  readonly broker: string;
  readonly webhooks?: string;
}

export interface GatewayParts {
  readonly log: Logger;
  readonly now: () => number;
  readonly random: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Called once, when messages are taken and the coordinator has named its triggers. */
  readonly onReady: (addresses: Addresses) => void;
}

/**
 * The gateway: takes messages from one broker, its own or the site's, submits those that fire a
 * trigger, and publishes there what steps send; takes requests to webhooks where it is told to. Runs until the signal aborts, through every absence of coordinator and broker.
 */
export async function runGateway(
  options: GatewayOptions,
  parts: GatewayParts,
  signal: AbortSignal,
): Promise<void> {
  const console = new ConsoleClient(options.context);
  const [stopping, draining] = [new AbortController(), new AbortController()];
  let source: Source | null = null;
  let webhooks: Webhooks | null = null;
  let ready = false;
  const events = new Events({
    console,
    ...parts,
    onTriggers(filters, paths) {
      source?.setFilters(filters);
      webhooks?.setPaths(paths);
      if (!ready && source !== null) parts.onReady(addressesOf(source, webhooks));
      ready = true;
    },
  });
  let deadline: NodeJS.Timeout | undefined;
  try {
    webhooks = await openWebhooks(options.webhooks, parts, console);
    source = await openSource(options.broker, parts, events);
    const working = events.run(stopping.signal, draining.signal);
    const { log, random } = parts;
    const publish = source.publish.bind(source);
    const publishing = publishOffers({ console, log, random, publish, signal });
    await Promise.race([aborted(signal), working, publishing]);
    // First nothing new comes in; then what came in has a little time to get out.
    deadline = setTimeout(() => draining.abort(), limits.drainMs);
    await Promise.all([source.close(), webhooks?.close()]);
    stopping.abort();
    await Promise.all([working, publishing]);
  } finally {
    clearTimeout(deadline);
    await webhooks?.close();
    console.close();
  }
}

function addressesOf({ url: broker }: Source, webhooks: Webhooks | null): Addresses {
  return webhooks === null ? { broker } : { broker, webhooks: webhooks.url };
}

async function openWebhooks(
  address: WebhooksAddress | null,
  { log, now }: GatewayParts,
  console: ConsoleClient,
): Promise<Webhooks | null> {
  if (address === null) return null;
  if (address.tls === null && !isLoopback(address.host)) {
    log.warn({ host: address.host }, "webhooks are taken beyond this machine, in the clear");
  }
  const submit = (request: SubmitWebhookRequest) =>
    console.call(console.events, console.events.submitWebhook, request, {
      timeoutMs: limits.submitTimeoutMs,
    });
  return startWebhooks(address, { log, tally: new Tally(now), submit });
}

/** Where messages come from, and go to. */
interface Source {
  readonly url: string;
  setFilters(filters: readonly string[]): void;
  readonly publish: Publish;
  close(): Promise<void>;
}

async function openSource(
  broker: GatewayOptions["broker"],
  { log, now, random }: GatewayParts,
  events: Events,
): Promise<Source> {
  const accept = events.accept.bind(events);
  if (broker.kind === "joined") {
    return { url: broker.url, ...joinBroker(broker, { log, random, accept }) };
  }
  const { host, port, users } = broker;
  if (!isLoopback(host)) {
    log.warn({ host }, "the broker listens beyond this machine, and passwords travel in the clear");
  }
  const embedded = await startBroker({ host, port, users, log, now, accept });
  // It hears every message anyway.
  return { ...embedded, setFilters: () => {} };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((accept) => {
    if (signal.aborted) accept();
    signal.addEventListener("abort", () => accept(), { once: true });
  });
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
