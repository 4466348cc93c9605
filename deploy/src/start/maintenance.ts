import { createHash, randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConsoleClient } from "@cohort/gateway/src/console-client/console-client.ts";
import { repository } from "../../setup/paths.mjs";
import type { Ports } from "../mesh/ports.ts";
import { type ChildSpec, isReadyLine } from "../supervisor/child.ts";

const secretPath = "maintenance/api-key";

export function maintenanceSpec(desk: string, ports: Ports): ChildSpec {
  const program = join(repository, "deploy", "dist", "maintenance.mjs");
  return {
    name: "maintenance",
    argv: [process.execPath, program, "--data", desk, "--port", String(ports.maintenance)],
    ready: isReadyLine,
    readyMs: 10_000,
    stopMs: 5_000,
  };
}

/**
 * Makes the desk's API key once: into the vault it goes as it is, to the desk as its SHA-256, and
 * nowhere else. The vault comes first: a hash on disk means that both have it.
 */
export async function ensureApiKey(client: ConsoleClient, desk: string): Promise<void> {
  const hashFile = join(desk, "api-key.sha256");
  const { secrets } = client;
  const known = await client.call(secrets, secrets.list, {});
  if (existsSync(hashFile) && known.secrets.some((it) => it.path === secretPath)) return;
  const random = randomBytes(32);
  const value = Buffer.from(random.toString("base64url"), "latin1");
  const hash = createHash("sha256").update(value).digest("hex");
  await client.call(secrets, secrets.set, { path: secretPath, value, services: ["maintenance"] });
  random.fill(0);
  value.fill(0);
  writeFileSync(hashFile, `${hash}\n`, { mode: 0o600 });
}
