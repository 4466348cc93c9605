import { createHash, createHmac } from "node:crypto";
import type { Header } from "@cohort/proto/gen/cohort/node";
import type { AuthOf } from "@cohort/proto/resources/service/auth";
import { type Made, printable, type Unsigned, unfit, withHeaders } from "./kind.ts";

/**
 * AWS Signature Version 4 in the header, as "Create a signed AWS API request" of the AWS IAM User
 * Guide has it. Signed are host, content type, and all that is Amazon's own, since what stands
 * between may change the rest.
 */
export function awsSigV4(auth: AuthOf<"aws-sigv4">, secret: Buffer): Made {
  const pair = keyPairOf(secret);
  return {
    sign(request, nowMs) {
      const path = canonicalTarget(request.path);
      const date = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, "");
      const own = [
        { name: "x-amz-date", value: date },
        ...(pair.sessionToken === "" ? [] : [header("x-amz-security-token", pair.sessionToken)]),
        ...(auth.service === "s3" ? [header("x-amz-content-sha256", sha256(request.body))] : []),
      ];
      const headers = withHeaders(request.headers, own);
      const signed = headers.filter(({ name }) => /^(?:content-type|x-amz-.+)$/.test(name));
      const toSign = { ...request, path, headers: [...signed, header("host", request.host)] };
      const authorization = authorizationOf(auth, pair, toSign, date);
      return { path, headers: withHeaders(headers, [header("authorization", authorization)]) };
    },
    secrets: pair.secrets,
  };
}

export interface KeyPair {
  readonly accessKeyId: string;
  readonly secretKey: Buffer;
  readonly sessionToken: string;
}

/** The header of that name over all headers that `request` has, the date's among them. */
export function authorizationOf(
  { region, service }: Pick<AuthOf<"aws-sigv4">, "region" | "service">,
  { accessKeyId, secretKey }: KeyPair,
  request: Omit<Unsigned, "host">,
  date: string,
): string {
  const sorted = [...request.headers].sort((a, b) => (a.name < b.name ? -1 : 1));
  const signedHeaders = sorted.map(({ name }) => name).join(";");
  const mark = `${request.path}?`.indexOf("?");
  const canonicalRequest = [
    request.method,
    canonicalPath(request.path.slice(0, mark), service),
    canonicalQuery(request.path.slice(mark + 1)),
    ...sorted.map(({ name, value }) => `${name}:${value.trim().replace(/ +/g, " ")}`),
    "",
    signedHeaders,
    sha256(request.body),
  ].join("\n");
  const scope = [date.slice(0, 8), region, service, "aws4_request"];
  const toSign = ["AWS4-HMAC-SHA256", date, scope.join("/"), sha256(canonicalRequest)].join("\n");
  const seed = Buffer.concat([Buffer.from("AWS4"), secretKey]);
  const key = scope.reduce((under, part) => {
    const next = createHmac("sha256", under).update(part).digest();
    under.fill(0);
    return next;
  }, seed);
  const signature = createHmac("sha256", key).update(toSign).digest("hex");
  key.fill(0);
  const credential = `Credential=${accessKeyId}/${scope.join("/")}`;
  return `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
}

/** `ID:KEY` or `ID:KEY:SESSION_TOKEN`; none of the three has a colon in it. */
function keyPairOf(secret: Buffer): KeyPair & { readonly secrets: readonly Buffer[] } {
  const [accessKeyId = "", secretKey = "", sessionToken = "", more] = printable(secret).split(":");
  if (!/^\w{16,128}$/.test(accessKeyId) || secretKey === "" || more !== undefined) {
    throw unfit("it is ACCESS_KEY_ID:SECRET_ACCESS_KEY or ACCESS_KEY_ID:SECRET_ACCESS_KEY:TOKEN");
  }
  const key = Buffer.from(secretKey);
  const secrets = sessionToken === "" ? [key] : [key, Buffer.from(sessionToken)];
  return { accessKeyId, secretKey: key, sessionToken, secrets };
}

/** Each segment encoded once more than it is sent; S3 takes it as it is sent. */
function canonicalPath(path: string, service: string): string {
  if (service === "s3") return path;
  return path
    .split("/")
    .map((segment) => encode(segment))
    .join("/");
}

/**
 * Path and query are sent as they are signed, encoded as Amazon's own clients do it, so that nobody
 * needs to guess what ":" or "+" was.
 */
function canonicalTarget(target: string): string {
  const mark = `${target}?`.indexOf("?");
  const segments = target.slice(0, mark).split("/");
  const path = segments.map((segment) => encode(decodeURIComponent(segment))).join("/");
  const query = canonicalQuery(target.slice(mark + 1));
  return query === "" ? path : `${path}?${query}`;
}

function canonicalQuery(query: string): string {
  const pairs = [...new URLSearchParams(query)].map(([name, value]) => {
    return [encode(name), encode(value)] as const;
  });
  return pairs
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** RFC 3986's unreserved characters stand as they are, and nothing else does. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (it) => `%${it.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function header(name: string, value: string): Header {
  return { name, value };
}
