import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { refuse } from "@cohort/proto/problem";
import { type BrokerUsers, readBrokerUsers } from "./broker/users.ts";
import { type Context, readContext } from "./console-client/context.ts";
import { type BrokerAddress, clientIdFor } from "./mqtt/mqtt.ts";
import type { WebhooksAddress } from "./webhooks/webhooks.ts";

export interface GatewayOptions {
  readonly context: Context;
  readonly broker:
    | ({ readonly kind: "joined" } & BrokerAddress)
    | {
        readonly kind: "embedded";
        readonly host: string;
        readonly port: number;
        readonly users: BrokerUsers;
      };
  /** null: no webhooks are taken. */
  readonly webhooks: WebhooksAddress | null;
}

export const usage = `usage: gateway --context FILE
  --broker-url mqtts://HOST[:PORT]  [--broker-username NAME] [--broker-password-file FILE] [--broker-ca FILE]
  --embedded-broker HOST:PORT        --broker-users FILE
  [--webhooks HOST:PORT  [--webhooks-certificate FILE --webhooks-key FILE]]`;

/** Throws USAGE. Passwords come from files: a command line can be read by every user. */
export function parseOptions(argv: readonly string[]): GatewayOptions {
  const values = parse(argv);
  if (values["context"] === undefined) throw misuse("--context is missing");
  const context = readContext(values["context"]);
  const [url, embedded] = [values["broker-url"], values["embedded-broker"]];
  if ((url === undefined) === (embedded === undefined)) {
    throw misuse("either --broker-url or --embedded-broker is needed");
  }
  return {
    context,
    broker:
      url === undefined
        ? embeddedBroker(values, embedded as string)
        : joinedBroker(values, url, context),
    webhooks: webhooksAddress(values),
  };
}

type Values = Readonly<Record<string, string | undefined>>;

function parse(argv: readonly string[]): Values {
  const names = [
    "context",
    "broker-url",
    "broker-username",
    "broker-password-file",
    "broker-ca",
    "embedded-broker",
    "broker-users",
    "webhooks",
    "webhooks-certificate",
    "webhooks-key",
  ];
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false })
      .values as Values;
  } catch (cause) {
    throw misuse(cause instanceof Error ? cause.message : String(cause));
  }
}

function joinedBroker(values: Values, url: string, context: Context): GatewayOptions["broker"] {
  const { protocol, username, password } = parseUrl(url);
  if (protocol !== "mqtts:" && protocol !== "mqtt:") {
    throw misuse("--broker-url must begin with mqtts:// (or mqtt://)");
  }
  if (username !== "" || password !== "") {
    throw misuse("--broker-url must not hold a password: use --broker-password-file");
  }
  const file = values["broker-password-file"];
  const ca = values["broker-ca"];
  return {
    kind: "joined",
    url,
    username: values["broker-username"],
    password: file === undefined ? undefined : read(file).replace(/\r?\n$/, ""),
    ca: ca === undefined ? undefined : read(ca),
    clientId: clientIdFor(context.token),
  };
}

function embeddedBroker(values: Values, address: string): GatewayOptions["broker"] {
  const listener = parseListener("--embedded-broker", address);
  if (values["broker-users"] === undefined) throw misuse("--embedded-broker needs --broker-users");
  return { kind: "embedded", ...listener, users: readBrokerUsers(values["broker-users"]) };
}

function webhooksAddress(values: Values): WebhooksAddress | null {
  const [address, certificate, key] = [
    values["webhooks"],
    values["webhooks-certificate"],
    values["webhooks-key"],
  ];
  if ((certificate === undefined) !== (key === undefined)) {
    throw misuse("--webhooks-certificate and --webhooks-key belong together");
  }
  if (address === undefined) {
    if (certificate !== undefined) throw misuse("--webhooks-certificate needs --webhooks");
    return null;
  }
  const tls =
    certificate === undefined || key === undefined
      ? null
      : { certificate: read(certificate), key: read(key) };
  return { ...parseListener("--webhooks", address), tls };
}

function parseListener(option: string, address: string): { host: string; port: number } {
  const match = /^(?:\[(?<six>[0-9A-Fa-f:]+)\]|(?<host>[^:\s]+)):(?<port>\d{1,5})$/.exec(address);
  const port = Number(match?.groups?.["port"]);
  if (match === null || port > 65_535) throw misuse(`${option} must be HOST:PORT`);
  return { host: match.groups?.["six"] ?? (match.groups?.["host"] as string), port };
}

function parseUrl(url: string): URL {
  try {
    return new URL(url);
  } catch {
    throw misuse(`${url} is not a URL`);
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw refuse("USAGE", `${path} cannot be read`, undefined, cause);
  }
}

function misuse(message: string) {
  return refuse("USAGE", message, { hint: usage });
}
