import * as z from "zod";
import { isSecretPath } from "../../secret-path.ts";
import { hmac } from "./auth-hmac.ts";
import { headerName, httpsUrl } from "./wire.ts";

const secretPath = z.string().refine(isSecretPath, "must be a path such as maintenance/api-key");

function secretOf(what: string) {
  return secretPath.describe(
    `Path of ${what} in the vault, as \`cohort secret set\` stored it for this service.`,
  );
}

const secret = secretOf("the credential");

const scope = z
  .string()
  .max(1000)
  .regex(
    /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/,
    "must be words with one space between (RFC 6749 section 3.3)",
  );

/** The credential of a service, and how a call shows it. */
export const auth = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("bearer").describe("Sent as `Authorization: Bearer SECRET`."),
    secret,
  }),
  z.strictObject({
    type: z.literal("header").describe("Sent as the value of a header of its own."),
    header: headerName.describe("Name of that header, in lower case."),
    prefix: z
      .string()
      .max(64)
      .regex(
        /^[\x21-\x7e][\x20-\x7e]*$/,
        "must be printable ASCII that does not begin with a space",
      )
      .optional()
      .describe('What stands before the secret, such as `"Token "`. Left out, nothing.'),
    secret,
  }),
  z.strictObject({
    type: z.literal("basic").describe("Sent as user name and password (RFC 7617)."),
    username: z
      .string()
      .min(1)
      .max(255)
      .regex(/^[^:\p{Cc}]+$/u, "must have no colon and no control character (RFC 7617)")
      .describe("The user name; many services want an account's id or an address here."),
    secret: secretOf("the password"),
  }),
  z.strictObject({
    type: z
      .literal("query")
      .describe("Sent as a parameter of the query; never recorded or shown with the path."),
    parameter: z
      .string()
      .max(64)
      .regex(/^[\w\-.~]+$/, "must be a name of letters, digits and - . _ ~")
      .describe("Name of that parameter. A step that gives it itself is refused."),
    secret,
  }),
  z.strictObject({
    type: z
      .literal("path")
      .describe("Sent as the first segment of the path, as Telegram wants; never recorded."),
    prefix: z
      .string()
      .max(64)
      .regex(/^[\w\-.~]*$/, "must be letters, digits and - . _ ~")
      .default("")
      .describe("What stands before the secret in that segment, such as `bot`."),
    secret,
  }),
  hmac(secretOf("the key")),
  z.strictObject({
    type: z.literal("aws-sigv4").describe("Each request is signed with AWS Signature Version 4."),
    region: z
      .string()
      .max(64)
      .regex(/^[a-z0-9-]+$/, "must be a region such as eu-central-1")
      .describe("AWS region that stands in the signature."),
    service: z
      .string()
      .max(64)
      .regex(/^[a-z0-9-]+$/, "must be a service's signing name such as bedrock")
      .describe("AWS signing name of the service, such as `bedrock`, `iotdata` or `s3`."),
    secret: secretPath.describe(
      "Path of the key pair in the vault: `ACCESS_KEY_ID:SECRET_ACCESS_KEY`, with `:SESSION_TOKEN` behind it where there is one.",
    ),
  }),
  z.strictObject({
    type: z
      .literal("oauth2")
      .describe("A bearer token that is asked for with client credentials (RFC 6749 section 4.4)."),
    token_url: httpsUrl.describe(
      "Where tokens are asked for; the service's `addresses` and `ca` hold for it too.",
    ),
    client_id: z
      .string()
      .min(1)
      .max(255)
      .regex(/^[\x20-\x7e]+$/, "must be printable ASCII")
      .describe("The client's id."),
    secret: secretOf("the client's secret"),
    client_auth: z
      .enum(["basic", "body"])
      .default("basic")
      .describe("Whether id and secret go in a header (`basic`) or in the request's body."),
    scope: scope.optional().describe("Scopes that are asked for, with a space between."),
    audience: z
      .string()
      .max(512)
      .optional()
      .describe("The `audience` that some token servers want beside the scope."),
  }),
  z.strictObject({
    type: z.literal("mtls").describe("A client certificate, shown when the connection is made."),
    secret: secretPath.describe(
      "Path of the certificate, those above it and the private key in the vault, all in PEM form in one text.",
    ),
  }),
  z.strictObject({ type: z.literal("none").describe("The service asks for no credential.") }),
]);

export type Auth = z.infer<typeof auth>;
export type AuthOf<Type extends Auth["type"]> = Extract<Auth, { type: Type }>;
