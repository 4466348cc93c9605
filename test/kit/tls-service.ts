import { once } from "node:events";
import { mkdirSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { certificates } from "../../deploy/examples/maintenance/certificates.ts";
import type { TestMesh } from "./mesh.ts";

/** An outside service on a port of its own, whose credentials are in the mesh's vault. */
export interface TlsService {
  /** What its certificate is signed by, in PEM form. */
  readonly ca: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Serves `answer` over TLS and stores the mesh's API key in the vault at each of the paths. */
export async function startTlsService(
  mesh: TestMesh,
  name: string,
  secretPaths: readonly string[],
  answer: RequestListener,
): Promise<TlsService> {
  const folder = join(mesh.home, name);
  mkdirSync(folder);
  const { ca, certificate, key } = await certificates(folder, Date.now());
  const server = createServer({ cert: certificate, key }, answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { secrets } = mesh.client;
  const value = Buffer.from(mesh.apiKey);
  for (const path of secretPaths) {
    await mesh.client.call(secrets, secrets.set, { path, value, services: [] });
  }
  return {
    ca,
    port: (server.address() as AddressInfo).port,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
