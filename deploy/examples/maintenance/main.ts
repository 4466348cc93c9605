import { existsSync, mkdirSync, readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { certificates } from "./certificates.ts";
import { maintenanceServer } from "./server.ts";
import { Tickets } from "./tickets.ts";

// maintenance --data DIR --port PORT: serves on loopback until SIGTERM. DIR/api-key.sha256, written by
// whoever sets it up, holds the hash of the API key; DIR/ca.pem is the root to trust.
const { values } = parseArgs({
  options: { data: { type: "string" }, port: { type: "string", default: "0" } },
});
if (values.data === undefined) throw new Error("--data DIR is missing");
const data = values.data;
mkdirSync(data, { recursive: true, mode: 0o700 });
const keyHashFile = join(data, "api-key.sha256");
const server = maintenanceServer({
  certificates: await certificates(data, Date.now()),
  keyHash: () => (existsSync(keyHashFile) ? readFileSync(keyHashFile, "utf8").trim() : ""),
  tickets: new Tickets(join(data, "tickets.jsonl")),
  now: Date.now,
});
server.listen(Number(values.port), "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ ready: true, url: `https://localhost:${port}` })}\n`);
});
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    server.close();
    server.closeAllConnections();
  });
}
