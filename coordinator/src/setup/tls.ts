import { createPrivateKey, type KeyObject } from "node:crypto";
import {
  type Authority,
  createAuthority,
  createKey,
  importKey,
  isCurrent,
  issueServerCertificate,
  readAuthority,
} from "./certificates.ts";
import { readText, writePrivate } from "./files.ts";
import type { InternalSecrets } from "./internal-secrets.ts";
import type { Paths } from "./paths.ts";

/**
 * The mesh's certificates: the authority's key stays in the vault; the server's key, which
 * nats-server reads, is a file. What stands is kept while it does.
 */
export async function provideTls(
  at: Paths,
  vault: InternalSecrets,
  hosts: readonly string[],
  nowMs: number,
): Promise<void> {
  const authority = await provideAuthority(at, vault, nowMs);
  const key = provideServerKey(at);
  const standing = readText(at.chain);
  if (standing !== null && isCurrent(standing, authority, key, hosts, nowMs)) return;
  const certificate = await issueServerCertificate(authority, key, hosts, nowMs);
  writePrivate(
    at.chain,
    `${certificate.toString("pem")}\n${authority.certificate.toString("pem")}\n`,
  );
}

async function provideAuthority(
  at: Paths,
  vault: InternalSecrets,
  nowMs: number,
): Promise<Authority> {
  const key = importKey(vault.internal("mesh/authority-key", createKey));
  const standing = readAuthority(readText(at.ca) ?? "", key);
  if (standing !== null) return standing;
  const authority = await createAuthority(key, nowMs);
  writePrivate(at.ca, `${authority.certificate.toString("pem")}\n`);
  return authority;
}

function provideServerKey(at: Paths): KeyObject {
  const standing = readText(at.key);
  if (standing !== null) return createPrivateKey(standing);
  const key = importKey(createKey());
  writePrivate(at.key, key.export({ format: "pem", type: "pkcs8" }).toString());
  return key;
}
