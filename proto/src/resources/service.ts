import * as z from "zod";
import { limits } from "../limits.ts";
import { isSecretPath } from "../secret-path.ts";
import { duration, money, name, size } from "./values.ts";

/** `kind: service`: an outside API that the vault proxy may call, and how. */

const secretPath = z.string().refine(isSecretPath, "must be a path such as maintenance/api-key");

const auth = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("bearer"), secret: secretPath }),
  z.strictObject({
    type: z.literal("header"),
    header: z.string().regex(/^[a-z0-9-]+$/, "must be a header name in lower case"),
    secret: secretPath,
  }),
  z.strictObject({ type: z.literal("none") }),
]);

export const httpMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

/** A path pattern: literal text; "*" is one segment, a last "**" any rest. */
const rule = z.strictObject({
  methods: z.array(z.enum(httpMethods)).min(1),
  path: z
    .string()
    .max(512)
    .regex(/^\/[\w\-./*~%]*$/, "must be a path such as /tickets/*"),
});

export const service = z.strictObject({
  kind: z.literal("service"),
  name,
  description: z.string().max(1000).optional(),
  base_url: z
    .string()
    .max(512)
    .refine(isBaseUrl, "must be https://host[:port][/path] and nothing more"),
  auth,
  allow: z.array(rule).min(1).max(100),
  /** CIDR blocks that the host may resolve to although they are not public: on-premises targets. */
  addresses: z
    .array(z.string().regex(/^[0-9a-fA-F.:]+\/\d{1,3}$/, "must be a block such as 10.1.2.0/24"))
    .default([]),
  /** PEM file beside this one, trusted for this service alone instead of the public roots. */
  ca_file: z.string().max(255).optional(),
  pricing: z.strictObject({ per_call: money }).optional(),
  limits: z
    .strictObject({
      timeout: duration.pipe(z.int().min(1).max(limits.callMsMax)).default(30_000),
      request: size.pipe(z.int().max(limits.proxyBodyBytesMax)).default(limits.proxyBodyBytesMax),
      response: size.pipe(z.int().max(limits.proxyBodyBytesMax)).default(limits.proxyBodyBytesMax),
    })
    .prefault({}),
});

/** As stored: `ca_file` has become its PEM text. */
export type Service = Omit<z.infer<typeof service>, "ca_file"> & { readonly ca?: string };
export type ServiceRule = z.infer<typeof rule>;

function isBaseUrl(text: string): boolean {
  try {
    const url = new URL(text);
    const plain = url.protocol === "https:" && url.username === "" && url.password === "";
    return plain && url.search === "" && url.hash === "" && !/[\s\\]/.test(text);
  } catch {
    return false;
  }
}
