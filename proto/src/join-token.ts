import { refuse } from "./problem.ts";

/**
 * The one line that an operator pastes on a board. All that a fresh board needs to reach the bus,
 * to know the coordinator when it sees it, and to prove that it was invited; it names no secret that
 * outlives its first use.
 */
export interface JoinToken {
  readonly node: string;
  /** "host:port" of nats-server, TLS from the first byte. */
  readonly servers: readonly string[];
  /** SHA-256 of the mesh's root certificate (DER), hex. */
  readonly rootFingerprint: string;
  /**
   * Ed25519 public key that signs dispatches and tokens, hex. It comes by the operator's hand, so that
   * no server on the way can put another in its place.
   */
  readonly coordinatorKey: string;
  /** Invite id: the subject, the inbox and the JWT are bound to it. */
  readonly invite: string;
  /** 32 random bytes, base64url; only its hash is kept by the coordinator. */
  readonly secret: string;
  /** NATS user JWT that may publish to mesh.enrol.<invite> only, and the nkey seed it belongs to. */
  readonly userJwt: string;
  readonly userSeed: string;
}

const prefix = "cohort-join-1.";

export function encodeJoinToken(token: JoinToken): string {
  return (
    prefix + btoa(JSON.stringify(token)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "")
  );
}

/** Throws INVITE_INVALID when the text is no join token. */
export function decodeJoinToken(text: string): JoinToken {
  const trimmed = text.trim();
  try {
    if (!trimmed.startsWith(prefix)) throw new Error("wrong prefix");
    const base64 = trimmed.slice(prefix.length).replace(/-/g, "+").replace(/_/g, "/");
    const token = JSON.parse(atob(base64)) as Record<string, unknown>;
    const names = [
      "node",
      "rootFingerprint",
      "coordinatorKey",
      "invite",
      "secret",
      "userJwt",
      "userSeed",
    ];
    if (!names.every((name) => typeof token[name] === "string")) throw new Error("field missing");
    const servers = token["servers"];
    if (!Array.isArray(servers) || !servers.every((it) => typeof it === "string")) {
      throw new Error("servers missing");
    }
    return token as unknown as JoinToken;
  } catch (cause) {
    throw refuse(
      "INVITE_INVALID",
      "the text is not a join token",
      {
        hint: "Paste the whole line that `cohort node invite` printed.",
      },
      cause,
    );
  }
}
