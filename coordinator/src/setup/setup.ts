import { isIP } from "node:net";
import { refuse } from "@cohort/proto/problem";
import { defaultRetention, type Retention } from "../history/retention.ts";
import { bracketed } from "../mesh/nats-config.ts";
import { type NatsSeeds, natsSeeds } from "../mesh/operator.ts";
import { fingerprint } from "./certificates.ts";
import { type Config, readConfig, writeConfig } from "./config.ts";
import { provideContext } from "./contexts.ts";
import { makePrivateFolder, readText } from "./files.ts";
import type { InternalSecrets } from "./internal-secrets.ts";
import { provideNats } from "./nats.ts";
import { setupPaths } from "./paths.ts";
import { provideTls } from "./tls.ts";

export interface InitialiseOptions {
  readonly dataDir: string;
  readonly natsPort: number;
  readonly consolePort: number;
  /** DNS names and addresses by which nodes and operators reach this machine. */
  readonly hosts: readonly string[];
  /** Address that nats-server listens on; loopback unless told otherwise. */
  readonly natsHost?: string;
  readonly vault: InternalSecrets;
  /** Paths of the context files to write. */
  readonly operatorContext: string;
  readonly approverContext: string;
  readonly gatewayContext: string;
  readonly nowMs: number;
  /** How long finished runs are kept; what is left out stays as it was. */
  readonly history?: Partial<Retention>;
}

/** What a coordinator that has been set up runs on. */
export interface Setup {
  readonly config: Config;
  readonly seeds: NatsSeeds;
  /** The mesh's root certificate, PEM. */
  readonly ca: string;
  /** SHA-256 of the root certificate (DER), hex. */
  readonly rootFingerprint: string;
  /** The server's certificate, then the root, PEM; and its key, PEM. */
  readonly certificateChain: string;
  readonly certificateKey: string;
  /** "host:port" of nats-server, as nodes reach it. */
  readonly servers: readonly string[];
  /** The same as the coordinator reaches it, on its own machine. */
  readonly localServer: string;
  readonly natsConfigPath: string;
}

/**
 * Prepares what the coordinator, nats-server and their clients need before they first start. Run
 * again, it keeps all keys, certificates, accounts and tokens that still do, and writes what is
 * missing or has changed. Throws SETUP_FAILED.
 */
export async function initialise(options: InitialiseOptions): Promise<Setup> {
  const { dataDir, vault, natsPort, consolePort, natsHost = "127.0.0.1", nowMs } = options;
  const at = setupPaths(dataDir);
  makePrivateFolder(at.root);
  const before = readConfig(dataDir);
  const known = before?.credentials ?? [];
  const hosts = distinct(options.hosts.length === 0 ? ["localhost"] : options.hosts);
  assertHosts([...hosts, natsHost]);
  const certified = distinct([
    ...hosts,
    ...ownHosts,
    ...(isAnyAddress(natsHost) ? [] : [natsHost]),
  ]);
  await provideTls(at, vault, certified, nowMs);
  await provideNats(at, vault, { host: natsHost, port: natsPort });
  const connection = { endpoint: `localhost:${consolePort}`, ca: readText(at.ca) ?? "" };
  writeConfig(dataDir, {
    version: 1,
    nats: { host: natsHost, port: natsPort },
    console: { port: consolePort },
    hosts,
    history: { ...(before?.history ?? defaultRetention), ...options.history },
    credentials: [
      provideContext(options.operatorContext, "operator", known, connection),
      provideContext(options.approverContext, "approver", known, connection),
      provideContext(options.gatewayContext, "gateway", known, connection),
    ],
  });
  return openSetup(dataDir, vault);
}

/** Reads what `initialise` left. Throws SETUP_FAILED when there is nothing, or only a part. */
export function openSetup(dataDir: string, vault: InternalSecrets): Setup {
  const at = setupPaths(dataDir);
  const config = readConfig(dataDir);
  const [ca, certificateChain, certificateKey] = [at.ca, at.chain, at.key].map(readText);
  if (config === null || !ca || !certificateChain || !certificateKey) {
    throw refuse("SETUP_FAILED", `${at.root} has not been set up, or only in part`, {
      hint: "Run `cohort up`, which keeps what is there already.",
    });
  }
  const { nats, hosts } = config;
  return {
    config,
    seeds: natsSeeds((name, make) => vault.internal(name, make)),
    ca,
    rootFingerprint: fingerprint(ca),
    certificateChain,
    certificateKey,
    servers: hosts.map((host) => `${bracketed(host)}:${nats.port}`),
    localServer: `${isAnyAddress(nats.host) ? "127.0.0.1" : bracketed(nats.host)}:${nats.port}`,
    natsConfigPath: at.natsConfig,
  };
}

/** Names that the certificate holds beside those given, for clients on the same machine. */
const ownHosts = ["localhost", "127.0.0.1", "::1"];

const hostName = /^(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*$/;

function assertHosts(hosts: readonly string[]): void {
  for (const host of hosts) {
    if (isIP(host) !== 0 || (hostName.test(host) && host.length <= 253)) continue;
    throw refuse("USAGE", `${JSON.stringify(host)} is neither a host name nor an IP address`, {
      hint: "Give names and addresses without scheme or port.",
    });
  }
}

function isAnyAddress(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
