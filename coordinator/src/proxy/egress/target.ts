import { isIP } from "node:net";
import { type CohortError, refuse } from "@cohort/proto/problem";

/** Where a service is, from its `base_url`. */
export interface Target {
  /** "https://host:port" */
  readonly origin: string;
  /** A name in lower case, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly isAddress: boolean;
  /** "" or "/v1": what comes before the path of a call. */
  readonly basePath: string;
}

/**
 * Throws EGRESS_DENIED for a host that does not read the same to everyone: URL parsers turn
 * "0x7f.1", "2130706433" and full-width digits into 127.0.0.1, so that what is written must be what
 * they make of it.
 */
export function targetOf(baseUrl: string): Target {
  const match = /^https:\/\/([^/?#\\@\s]+)(\/[^?#\\\s]*)?$/.exec(baseUrl);
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  if (match === null || url === null) throw denied("its URL is not https://host[:port][/path]");
  const [, authority = "", path = "/"] = match;
  const [host = ""] = /^(?:\[[^\]]*\]|[^:]*)/.exec(authority) ?? [];
  if (host.toLowerCase() !== url.hostname || path !== url.pathname) {
    throw denied("its URL does not read the same to every program");
  }
  const bare = url.hostname.replace(/^\[|\]$/g, "");
  const isAddress = isIP(bare) !== 0;
  if (!isAddress && !hostName.test(bare)) throw denied("its host is no DNS name");
  return {
    origin: url.origin,
    host: bare,
    port: url.port === "" ? 443 : Number(url.port),
    isAddress,
    basePath: url.pathname.replace(/\/$/, ""),
  };
}

export function denied(why: string): CohortError {
  return refuse("EGRESS_DENIED", `the service may not be called: ${why}`, {
    hint: "correct `base_url` or `addresses` of the service",
  });
}

/** RFC 1123 section 2.1: letters, digits and hyphens; without the dot that ends a rooted name. */
const hostName = /^(?=.{1,253}$)(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/;
