import * as z from "zod";
import { limits } from "../limits.ts";
import { formatDuration, formatSize } from "../quantity.ts";
import { isSecretPath, webhookReader } from "../secret-path.ts";
import { duration, money, name, size } from "./values.ts";

const secretPath = z.string().refine(isSecretPath, "must be a path such as maintenance/api-key");
const secret = secretPath.describe(
  "Path of the credential in the vault, as `cohort secret set` stored it for this service.",
);

const auth = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("bearer").describe("Sent as `Authorization: Bearer SECRET`."),
    secret,
  }),
  z.strictObject({
    type: z.literal("header").describe("Sent as the value of a header of its own."),
    header: z
      .string()
      .regex(/^[a-z0-9-]+$/, "must be a header name in lower case")
      .describe("Name of that header, in lower case."),
    secret,
  }),
  z.strictObject({ type: z.literal("none").describe("The service asks for no credential.") }),
]);

export const httpMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

const rule = z.strictObject({
  methods: z.array(z.enum(httpMethods)).min(1).describe("HTTP methods that the rule allows."),
  path: z
    .string()
    .max(512)
    .regex(/^\/[\w\-./*~%]*$/, "must be a path such as /tickets/*")
    .describe(
      "Path below `base_url` that the rule allows: literal text, where `*` is one segment and a last `**` any rest.",
    ),
});

const bodySizeMax = formatSize(limits.proxyBodyBytesMax);
const bodySize = size.pipe(z.int().max(limits.proxyBodyBytesMax)).prefault(bodySizeMax);

const callLimits = z.strictObject({
  timeout: duration
    .pipe(z.int().min(1).max(limits.callMsMax))
    .prefault("30s")
    .describe(
      `Longest time that a call may take, at most ${formatDuration(limits.callMsMax)}; then it ends with UPSTREAM_TIMEOUT.`,
    ),
  request: bodySize.describe(
    `Largest body that is sent, at most ${bodySizeMax}; a larger one is refused.`,
  ),
  response: bodySize.describe(
    `Largest body that is taken as an answer, at most ${bodySizeMax}; a larger one is refused.`,
  ),
});

export const service = z
  .strictObject({
    kind: z.literal("service").describe("The kind of resource: `service`."),
    name: name
      .refine((it) => it !== webhookReader, `"${webhookReader}" is what keys of webhooks belong to`)
      .describe("Name of the service, by which steps call it and are granted it."),
    description: z.string().max(1000).optional().describe("What the service is, for people."),
    base_url: z
      .string()
      .max(512)
      .refine(isBaseUrl, "must be https://host[:port][/path] and nothing more")
      .describe("Where the service is: `https://host[:port][/path]`. Nothing else is ever called."),
    auth: auth.describe("The credential that the proxy adds to each call, and how."),
    allow: z
      .array(rule)
      .min(1)
      .max(100)
      .describe("Calls that steps may make; whatever no rule allows is refused."),
    addresses: z
      .array(z.string().regex(/^[0-9a-fA-F.:]+\/\d{1,3}$/, "must be a block such as 10.1.2.0/24"))
      .default([])
      .describe(
        "CIDR blocks that the host may resolve to although they are not public, for services on the premises. Left out, public addresses alone.",
      ),
    ca: z
      .string()
      .max(limits.certificatesBytesMax)
      .refine(isCertificate, "must be certificates in PEM form, without a private key")
      .optional()
      .describe(
        "Certificates in PEM form, trusted for this service alone instead of the public roots. Left out, `ca_file` says which, or the public roots are trusted.",
      ),
    ca_file: z
      .string()
      .max(255)
      .optional()
      .describe(
        "PEM file beside this one whose text stands for `ca`; only one of the two may be given.",
      ),
    pricing: z
      .strictObject({
        per_call: money.describe("What one call costs; `0 USD` for a service that is free."),
      })
      .optional()
      .describe("What calls cost. Left out, the price is unknown and every call is refused."),
    limits: callLimits.prefault({}).describe("Bounds of one call."),
  })
  .describe(
    "An outside API that steps may call through the coordinator, which alone holds the credential.",
  );

export type WrittenService = z.infer<typeof service>;
/** As stored: the text of `ca_file` has become `ca`. */
export type Service = Omit<WrittenService, "ca_file">;
export type ServiceRule = z.infer<typeof rule>;

export function isCertificate(text: string): boolean {
  return text.includes("-----BEGIN CERTIFICATE-----") && !text.includes("PRIVATE KEY-----");
}

function isBaseUrl(text: string): boolean {
  try {
    const url = new URL(text);
    const plain = url.protocol === "https:" && url.username === "" && url.password === "";
    return plain && url.search === "" && url.hash === "" && !/[\s\\]/.test(text);
  } catch {
    return false;
  }
}
