import { connect as connectTls, createSecureContext, type TLSSocket } from "node:tls";
import type { buildConnector } from "undici";
import { proxyLimits } from "../limits.ts";
import { sameAddress } from "./address.ts";
import type { Target } from "./target.ts";

/**
 * Dials one admitted address, whatever a resolver would answer by now, while the certificate must
 * still be the host's. `ca`: PEM that replaces the public roots; null for the public roots.
 * `certificate`: PEM of a client's certificate and key, which TLS keeps a copy of; null for none.
 */
export function pinnedConnector(
  target: Target,
  address: string,
  ca: string | null,
  certificate: Buffer | null,
): buildConnector.connector {
  const secureContext = createSecureContext({
    ...(ca === null ? {} : { ca }),
    ...(certificate === null ? {} : { cert: certificate, key: certificate }),
    minVersion: "TLSv1.2",
  });
  return (_options, callback) => {
    const socket = connectTls({
      host: address,
      port: target.port,
      // RFC 6066 section 3: an address is no server name; the certificate is checked against it.
      ...(target.isAddress ? {} : { servername: target.host }),
      secureContext,
      ALPNProtocols: ["http/1.1"],
      // Said aloud, because an environment variable could turn it off.
      rejectUnauthorized: true,
    });
    settle(socket, address, (error) => {
      if (error === null) return callback(null, socket);
      socket.destroy();
      callback(error, null);
    });
  };
}

/** Calls back once: when the connection to the address stands, fails, or takes too long. */
function settle(socket: TLSSocket, address: string, done: (error: Error | null) => void): void {
  let settled = false;
  const end = (error: Error | null) => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    done(error);
  };
  const timer = setTimeout(() => end(failure("ETIMEDOUT")), proxyLimits.connectMs);
  socket.setNoDelay(true);
  socket.on("error", end);
  socket.once("close", () => end(failure("ECONNRESET")));
  socket.once("secureConnect", () => {
    const dialled = sameAddress(socket.remoteAddress ?? "", address);
    end(dialled ? null : failure("ERR_ADDRESS_CHANGED"));
  });
}

function failure(code: string): Error {
  return Object.assign(new Error(`connection failed: ${code}`), { code });
}
