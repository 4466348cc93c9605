import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

/** What the service proves itself with: PEM texts; `ca` is the root that a client must trust. */
export interface Certificates {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const lifetimeMs = 365 * 24 * 3_600_000;
const renewBeforeMs = 30 * 24 * 3_600_000;

/**
 * A certificate authority of the service's own and a certificate for this machine's loopback names,
 * kept in `directory` (the root alone in `ca.pem`) and made anew before they expire. The authority's
 * key is never stored: with the certificate it has done all that it is for.
 */
export async function certificates(directory: string, nowMs: number): Promise<Certificates> {
  const stored = join(directory, "certificates.json");
  if (existsSync(stored)) {
    const { expiresMs, ...rest } = JSON.parse(readFileSync(stored, "utf8")) as Stored;
    if (expiresMs - renewBeforeMs > nowMs) return rest;
  }
  const made = await issue(nowMs);
  const text = JSON.stringify({ ...made, expiresMs: nowMs + lifetimeMs } satisfies Stored);
  writeFileSync(stored, text, { mode: 0o600 });
  writeFileSync(join(directory, "ca.pem"), made.ca);
  return made;
}

type Stored = Certificates & { readonly expiresMs: number };

async function issue(nowMs: number): Promise<Certificates> {
  const validity = { notBefore: new Date(nowMs - 60_000), notAfter: new Date(nowMs + lifetimeMs) };
  const authorityKeys = await webcrypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: serialNumber(),
    name: "CN=Maintenance example authority",
    signingAlgorithm: algorithm,
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity,
    serialNumber: serialNumber(),
    subject: "CN=localhost",
    issuer: authority.subject,
    signingAlgorithm: algorithm,
    signingKey: authorityKeys.privateKey,
    publicKey: keys.publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: "localhost" },
        { type: "ip", value: "127.0.0.1" },
      ]),
    ],
  });
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    ca: authority.toString("pem"),
    certificate: certificate.toString("pem"),
    key: x509.PemConverter.encode(key, "PRIVATE KEY"),
  };
}

/** Positive, as RFC 5280 4.1.2.2 wants it. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40;
  return bytes.toString("hex");
}
