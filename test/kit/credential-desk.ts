import { createHash, createPrivateKey, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { createAuthority, type Issued } from "../../coordinator/test/proxy/certificates.ts";
import { certificates } from "../../deploy/examples/maintenance/certificates.ts";
import type { TestMesh } from "./mesh.ts";
import { type Spelling, spellingsOf } from "./secret-search.ts";

/** Kinds of credentials but a header of its own, which `Desk` wants. */
export const kinds = [
  "bearer",
  "basic",
  "query",
  "path",
  "hmac",
  "sigv4",
  "oauth2",
  "mtls",
] as const;
export type Kind = (typeof kinds)[number];

/**
 * A service over TLS for each kind of credential, named "desk-KIND": it takes tickets from whoever
 * shows the credential, and at /echo throws back what it knows of it.
 */
export class CredentialDesk {
  /** How often the credential of a kind was shown, as it should be. */
  readonly shown = new Map<Kind, number>();
  readonly #secrets = new Map(kinds.map((kind) => [kind, randomBytes(32).toString("base64url")]));
  readonly #accessToken = randomBytes(32).toString("base64url");
  readonly #server: Server;
  readonly #client: Issued;

  private constructor(server: Server, client: Issued) {
    this.#server = server;
    this.#client = client;
  }

  /** Serves, has the services applied and their secrets in the vault. */
  static async start(mesh: TestMesh): Promise<CredentialDesk> {
    const folder = join(mesh.home, "credential-desk");
    mkdirSync(folder);
    const { ca, certificate, key } = await certificates(folder, Date.now());
    const authority = await createAuthority();
    const client = await authority.issue({ dns: ["coordinator"] });
    const tls = { cert: certificate, key, ca: authority.ca, requestCert: true };
    const server = createServer({ ...tls, rejectUnauthorized: false });
    const desk = new CredentialDesk(server, client);
    server.on("request", (request, response) => void desk.#answer(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const text = kinds.map((kind) => desk.#service(kind)).join("---\n");
    await mesh.apply([
      { path: "credential-desk.yaml", text },
      { path: "credential-desk-ca.pem", text: ca },
    ]);
    const { secrets } = mesh.client;
    for (const kind of kinds) {
      const value = Buffer.from(desk.#stored(kind));
      const request = { path: `desk-${kind}/secret`, value, services: [] };
      await mesh.client.call(secrets, secrets.set, request);
    }
    return desk;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** Of each secret, the access token that one is changed for, and the private key of the certificate. */
  get spellings(): Spelling[] {
    const texts: [string, string | Buffer][] = [...this.#secrets].filter(
      ([kind]) => kind !== "mtls",
    );
    const { d = "" } = createPrivateKey(this.#client.key).export({ format: "jwk" });
    const scalar = Buffer.from(d, "base64url");
    const all = [...texts, ["access token", this.#accessToken], ["private key", scalar]] as const;
    const spelt = all.flatMap(([of, secret]) =>
      spellingsOf(secret).map(({ name, bytes }) => ({ name: `${of}, ${name}`, bytes })),
    );
    // RFC 5958: of a P-256 key the scalar begins with the 37th byte, and a line of PEM has 48.
    const [first = "", second = ""] = this.#client.key.split("\n").slice(1);
    const lines = [first.slice(48), second.slice(0, 26)].map((line) => Buffer.from(line));
    return [
      ...spelt,
      ...lines.map((bytes, at) => ({ name: `private key, PEM line ${at}`, bytes })),
    ];
  }

  #stored(kind: Kind): string {
    const secret = this.#secrets.get(kind) ?? "";
    if (kind === "sigv4") return `AKIAIOSFODNN7EXAMPLE:${secret}`;
    return kind === "mtls" ? `${this.#client.certificate}\n${this.#client.key}\n` : secret;
  }

  #service(kind: Kind): string {
    const { port } = this.#server.address() as AddressInfo;
    const auth: Record<Kind, object> = {
      bearer: { type: "bearer" },
      basic: { type: "basic", username: "cohort" },
      query: { type: "query", parameter: "key" },
      path: { type: "path", prefix: "bot" },
      hmac: {
        ...{ type: "hmac", message: "{method}{target}{timestamp}{body_hash}" },
        headers: { "x-signature": "{signature}", "x-time": "{timestamp}" },
      },
      sigv4: { type: "aws-sigv4", region: "eu-central-1", service: "execute-api" },
      oauth2: {
        ...{ type: "oauth2", client_id: "cohort", scope: "tickets" },
        token_url: `https://localhost:${port}/token`,
      },
      mtls: { type: "mtls" },
    };
    return `kind: service
name: desk-${kind}
base_url: https://localhost:${port}/${kind}
ca_file: credential-desk-ca.pem
addresses: ["127.0.0.0/8", "::1/128"]
auth: ${JSON.stringify({ ...auth[kind], secret: `desk-${kind}/secret` })}
allow:
  - { methods: [POST], path: /tickets }
  - { methods: [GET], path: /echo }
pricing: { per_call: 0.01 USD }
`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for await (const _ of request);
    const { url = "", headers } = request;
    if (url === "/token") return this.#token(headers.authorization ?? "", response);
    const kind = kinds.find((it) => url.includes(`/${it}/`));
    if (kind === undefined || !this.#isShown(kind, request)) {
      return void response.writeHead(401).end("a credential is wanted");
    }
    this.shown.set(kind, (this.shown.get(kind) ?? 0) + 1);
    if (url.includes("/echo") && kind !== "mtls") return this.#echo(kind, response);
    response.writeHead(201, { "content-type": "application/json" }).end('{"ok":true}');
  }

  #isShown(kind: Kind, request: IncomingMessage): boolean {
    const { url = "", headers, socket } = request;
    const secret = this.#secrets.get(kind) ?? "";
    const { authorization = "" } = headers;
    switch (kind) {
      case "bearer":
        return authorization === `Bearer ${secret}`;
      case "basic":
        return authorization === basic(secret);
      case "query":
        return url.includes(`key=${secret}`);
      case "path":
        return url.startsWith(`/bot${secret}/path/`);
      case "hmac":
        return /^[0-9a-f]{64}$/.test(String(headers["x-signature"]));
      case "sigv4":
        return authorization.startsWith("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/");
      case "oauth2":
        return authorization === `Bearer ${this.#accessToken}`;
      case "mtls":
        return (socket as TLSSocket).authorized;
    }
  }

  #token(authorization: string, response: ServerResponse): void {
    const known = authorization === basic(this.#secrets.get("oauth2") ?? "");
    const token = { access_token: this.#accessToken, token_type: "Bearer", expires_in: 3600 };
    response.writeHead(known ? 200 : 401, { "content-type": "application/json" });
    response.end(JSON.stringify(known ? token : { error: "invalid_client" }));
  }

  /** A hostile answer: an error that tells the secret in spellings that an answer may have. */
  #echo(kind: Kind, response: ServerResponse): void {
    const known = Buffer.from(
      (kind === "oauth2" ? this.#accessToken : this.#secrets.get(kind)) ?? "",
    );
    const encodings = ["utf8", "base64", "base64url", "hex"] as const;
    const texts = encodings.map((it) => known.toString(it));
    response.writeHead(500, { "content-type": "text/plain", "x-key": known.toString() });
    response.end(`${createHash("sha256").update(known).digest("hex")} ${texts.join(" ")}`);
  }
}

function basic(secret: string): string {
  return `Basic ${Buffer.from(`cohort:${secret}`).toString("base64")}`;
}
