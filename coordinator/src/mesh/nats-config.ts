import { limits } from "@cohort/proto/limits";
import { meshLimits } from "./limits.ts";

export interface NatsConfig {
  readonly host: string;
  readonly port: number;
  /** Files and folders, absolute. */
  readonly operatorJwt: string;
  readonly resolver: string;
  readonly jetStream: string;
  readonly certificateChain: string;
  readonly certificateKey: string;
  /** "A...". */
  readonly systemAccount: string;
}

/**
 * nats.conf for operator mode: who may connect is decided by JWTs alone. The full resolver keeps
 * account JWTs as files, and takes newer ones (a revocation) over the system account while it runs.
 * No monitoring port.
 */
export function renderNatsConfig(config: NatsConfig): string {
  const text = JSON.stringify;
  return `# Written by cohort init; changes are overwritten.
server_name: cohort
listen: ${text(`${bracketed(config.host)}:${config.port}`)}
max_payload: ${limits.messageBytesMax}
max_pending: ${meshLimits.natsPendingBytesMax}
max_connections: ${meshLimits.natsConnectionsMax}
ping_interval: "${meshLimits.natsPingIntervalS}s"
ping_max: ${meshLimits.natsPingsUnansweredMax}
write_deadline: "${meshLimits.natsWriteSMax}s"

# Small boards, and ten thousand of them at once, need longer than the two seconds of the default.
authorization { timeout: ${meshLimits.natsAuthenticationSMax} }

tls {
  cert_file: ${text(config.certificateChain)}
  key_file: ${text(config.certificateKey)}
  handshake_first: true
  timeout: ${meshLimits.natsTlsHandshakeSMax}
}

operator: ${text(config.operatorJwt)}
system_account: ${config.systemAccount}
resolver {
  type: full
  dir: ${text(config.resolver)}
  allow_delete: false
  interval: "2m"
}

jetstream {
  store_dir: ${text(config.jetStream)}
  max_memory_store: ${meshLimits.natsMemoryStoreBytesMax}
  max_file_store: ${meshLimits.natsFileStoreBytesMax}
  # What was acknowledged is on the disk: the coordinator's log says so.
  sync_interval: always
}
`;
}

/** IPv6 addresses stand in brackets before a port (RFC 3986 §3.2.2). */
export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
