import { join, resolve } from "node:path";

/** Where set-up puts things below the coordinator's data folder; all absolute. */
export type Paths = ReturnType<typeof setupPaths>;

export function setupPaths(dataDir: string) {
  const root = resolve(dataDir);
  return {
    root,
    config: join(root, "config.json"),
    ca: join(root, "tls", "ca.pem"),
    /** The server's certificate, then the root, by which a joining node finds its fingerprint. */
    chain: join(root, "tls", "server.pem"),
    key: join(root, "tls", "server.key"),
    natsConfig: join(root, "nats", "nats.conf"),
    operatorJwt: join(root, "nats", "operator.jwt"),
    resolver: join(root, "nats", "resolver"),
    accountJwt: (publicKey: string) => join(root, "nats", "resolver", `${publicKey}.jwt`),
    jetStream: join(root, "nats", "jetstream"),
  };
}
