import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { connect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import { HostError, type Socket, type TlsOptions } from "../src/host.ts";
import { asHostError } from "./errors.ts";
import { StreamSocket } from "./stream-socket.ts";

/** TLS as the native host speaks it; the host name is checked always. */
export async function connectTls(options: TlsOptions): Promise<Socket> {
  const ca =
    "ca" in options.trust ? options.trust.ca : await fetchRoot(options, options.trust.fingerprint);
  const socket = await handshake(options, ca);
  return new StreamSocket(socket, ca);
}

/**
 * The root certificate that the server sends, when its fingerprint is the expected one: a first
 * connection, on which nothing is said, fetches it for the second to verify against.
 */
async function fetchRoot(options: TlsOptions, fingerprint: Uint8Array): Promise<string> {
  const socket = await handshake(options, null);
  try {
    for (const certificate of chain(socket.getPeerCertificate(true))) {
      const digest = createHash("sha256").update(certificate.raw).digest();
      if (digest.equals(fingerprint)) return toPem(certificate.raw);
    }
    throw new HostError("TLS_VERIFY", "the server's chain does not hold the expected root");
  } finally {
    socket.destroy();
  }
}

function handshake(options: TlsOptions, ca: string | null): Promise<TLSSocket> {
  const { host, port, timeoutMs } = options;
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(ca === null ? { rejectUnauthorized: false } : { ca }),
    });
    socket.setNoDelay(true);
    socket.setTimeout(timeoutMs, () =>
      socket.destroy(new HostError("TIMEOUT", "no answer in time")),
    );
    socket.once("error", (error) => reject(asTlsError(error)));
    socket.once("secureConnect", () => {
      socket.setTimeout(0);
      socket.removeAllListeners("error");
      resolve(socket);
    });
  });
}

function* chain(leaf: DetailedPeerCertificate): Generator<DetailedPeerCertificate> {
  let certificate = leaf;
  for (let depth = 0; depth < 8 && certificate?.raw !== undefined; depth++) {
    yield certificate;
    if (certificate.issuerCertificate === certificate) return;
    certificate = certificate.issuerCertificate;
  }
}

function toPem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function asTlsError(error: unknown): HostError {
  const { code, message } = error as { code?: string; message: string };
  if (code?.startsWith("ERR_SSL") || code === "EPROTO")
    return new HostError("TLS_HANDSHAKE", message);
  if (code !== undefined && /CERT|SELF_SIGNED|UNABLE_TO/.test(code)) {
    return new HostError("TLS_VERIFY", message);
  }
  return asHostError(error);
}
