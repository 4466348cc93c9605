import * as z from "zod";
import { limits } from "../limits.ts";
import { webhookReader } from "../secret-path.ts";
import { auth } from "./service/auth.ts";
import { callLimits } from "./service/limits.ts";
import { pricing } from "./service/pricing.ts";
import { redact } from "./service/redact.ts";
import { passedHeader, rule } from "./service/rules.ts";
import { httpsUrl } from "./service/wire.ts";
import { name } from "./values.ts";

export const service = z
  .strictObject({
    kind: z.literal("service").describe("The kind of resource: `service`."),
    name: name
      .refine((it) => it !== webhookReader, `"${webhookReader}" is what keys of webhooks belong to`)
      .describe("Name of the service, by which steps call it and are granted it."),
    extends: z
      .string()
      .regex(/^catalogue\/[a-z0-9-]+$/, "must be a service of the catalogue such as catalogue/jira")
      .optional()
      .describe(
        "A service of the [catalogue](catalogue.md) that gives every key that is not given here; `cohort service list --catalogue` lists them.",
      ),
    description: z.string().max(1000).optional().describe("What the service is, for people."),
    base_url: httpsUrl.describe(
      "Where the service is: `https://host[:port][/path]`. Nothing else is ever called.",
    ),
    auth: auth.describe("The credential that the proxy adds to each call, and how."),
    allow: z
      .array(rule)
      .min(1)
      .max(100)
      .describe("Calls that steps may make; whatever no rule allows is refused."),
    headers: z
      .array(passedHeader)
      .max(32)
      .optional()
      .describe(
        "Headers of the service's own that steps may send beside the common ones, in lower case; what is not allowed is dropped.",
      ),
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
    redact: redact.optional().describe("What of answers no step is told."),
    pricing: pricing
      .optional()
      .describe("What calls cost. Left out, the price is unknown and every call is refused."),
    limits: callLimits.prefault({}).describe("Bounds of one call, and of how many there may be."),
  })
  .describe(
    "An outside API that steps may call through the coordinator, which alone holds the credential.",
  );

export type WrittenService = z.infer<typeof service>;
/** As stored: whole, and the text of `ca_file` has become `ca`. */
export type Service = Omit<WrittenService, "ca_file" | "extends">;

export function isCertificate(text: string): boolean {
  return text.includes("-----BEGIN CERTIFICATE-----") && !text.includes("PRIVATE KEY-----");
}
