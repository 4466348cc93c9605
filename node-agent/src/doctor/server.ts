import type { Host } from "../host.ts";
import { hostErrorCode } from "../host-error.ts";
import { agentLimits } from "../limits.ts";
import { type Check, failed, passed } from "./check.ts";

/** Name, address, TCP, TLS: how far a connection to the mesh comes. */
export async function server(host: Host, address: string, rootCa: string): Promise<Check> {
  const name = `server ${address}`;
  const colon = address.lastIndexOf(":");
  const began = host.monotonic();
  try {
    const socket = await host.connectTls({
      host: address.slice(0, colon).replace(/^\[|\]$/g, ""),
      port: Number(address.slice(colon + 1)),
      trust: { ca: rootCa },
      timeoutMs: agentLimits.connectMsMax,
    });
    socket.close();
    return passed(name, `connected over TLS in ${Math.round(host.monotonic() - began)} ms`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return failed(name, reason, remedyFor(hostErrorCode(error), reason));
  }
}

function remedyFor(code: string, reason: string): string {
  if (code === "EHOSTUNREACH" && reason.startsWith("looking up")) {
    return "See to the name: /etc/resolv.conf, or an entry in /etc/hosts.";
  }
  switch (code) {
    case "TLS_VERIFY":
      return "See to the clock; else the server is not the mesh's own, or has a new root: join anew.";
    case "TLS_HANDSHAKE":
      return "What answers there speaks no TLS: see to the port, and to what stands in between.";
    case "TIMEOUT":
      return "Something on the way drops it: see to firewalls, and to the route.";
    case "ECONNREFUSED":
      return "Nothing listens there: see whether the mesh runs, and to its port.";
    default:
      return "See to the machine's network: address, route, cable.";
  }
}
