import "reflect-metadata";
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate as NodeCertificate,
  randomBytes,
  webcrypto,
} from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";

/**
 * The mesh's own certificate authority. Its fingerprint in a join token is what a new node trusts.
 */
export interface Authority {
  readonly key: KeyObject;
  readonly certificate: x509.X509Certificate;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 24 * 60 * 60_000;
const authorityLifetimeMs = 20 * 365 * dayMs;
/** Long, because a mesh may run for years without anyone running set-up, which renews it. */
const serverLifetimeMs = 10 * 365 * dayMs;
const serverRenewBeforeMs = 5 * 365 * dayMs;
/**
 * A board without a battery may be behind; it must not find the certificate to be of the future.
 */
const backdateMs = dayMs;

/** A new EC P-256 private key: PKCS #8, DER. */
export function createKey(): Buffer {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: algorithm.namedCurve });
  return privateKey.export({ format: "der", type: "pkcs8" });
}

export function importKey(pkcs8: Buffer): KeyObject {
  return createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
}

export async function createAuthority(key: KeyObject, nowMs: number): Promise<Authority> {
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: "CN=Cohort mesh",
    notBefore: new Date(nowMs - backdateMs),
    notAfter: new Date(nowMs + authorityLifetimeMs),
    signingAlgorithm: algorithm,
    keys: await webKeys(key),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create((await webKeys(key)).publicKey),
    ],
  });
  return { key, certificate };
}

/** For nats-server and the console API alike. `hosts` are DNS names and IP addresses. */
export async function issueServerCertificate(
  authority: Authority,
  key: KeyObject,
  hosts: readonly string[],
  nowMs: number,
): Promise<x509.X509Certificate> {
  const { publicKey } = await webKeys(key);
  const authorityKeys = await webKeys(authority.key);
  return x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: "CN=Cohort coordinator",
    issuer: authority.certificate.subject,
    notBefore: new Date(nowMs - backdateMs),
    notAfter: new Date(
      Math.min(nowMs + serverLifetimeMs, authority.certificate.notAfter.getTime()),
    ),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(hosts.map(alternativeName)),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
}

/**
 * Whether a certificate in PEM still does: this authority's, this key's, these hosts', not too old.
 */
export function isCurrent(
  pem: string,
  authority: Authority,
  key: KeyObject,
  hosts: readonly string[],
  nowMs: number,
): boolean {
  try {
    const certificate = new NodeCertificate(pem);
    const issuer = new NodeCertificate(authority.certificate.toString("pem"));
    return (
      certificate.checkPrivateKey(key) &&
      certificate.verify(issuer.publicKey) &&
      Date.parse(certificate.validTo) - nowMs > serverRenewBeforeMs &&
      hosts.every((host) => {
        return isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
      })
    );
  } catch {
    return false;
  }
}

/** The authority of a certificate in PEM; null when it is none of this key over itself. */
export function readAuthority(pem: string, key: KeyObject): Authority | null {
  try {
    const certificate = new NodeCertificate(pem);
    const own = certificate.checkPrivateKey(key) && certificate.verify(createPublicKey(key));
    return certificate.ca && own ? { key, certificate: new x509.X509Certificate(pem) } : null;
  } catch {
    return null;
  }
}

/** SHA-256 of the certificate in DER, lower-case hex, as in a join token. */
export function fingerprint(pem: string): string {
  return new NodeCertificate(pem).fingerprint256.replaceAll(":", "").toLowerCase();
}

function alternativeName(host: string): x509.GeneralName {
  return new x509.GeneralName(isIP(host) === 0 ? "dns" : "ip", host);
}

async function webKeys(key: KeyObject): Promise<webcrypto.CryptoKeyPair> {
  const { subtle } = webcrypto;
  const pkcs8 = key.export({ format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return {
    privateKey: await subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]),
    publicKey: await subtle.importKey("spki", spki, algorithm, true, ["verify"]),
  };
}

/** Positive, and at most 20 octets (RFC 5280 §4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40;
  return bytes.toString("hex");
}
