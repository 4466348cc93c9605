import * as z from "zod";
import { headerName } from "./wire.ts";

export const httpMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

/** Calls that a service allows. */
export const rule = z.strictObject({
  methods: z.array(z.enum(httpMethods)).min(1).describe("HTTP methods that the rule allows."),
  path: z
    .string()
    .max(512)
    .regex(/^\/[\w\-./*~%]*$/, "must be a path such as /tickets/*")
    .describe(
      "Path below `base_url` that the rule allows: literal text, where `*` is one segment and a last `**` any rest.",
    ),
  query: z
    .array(
      z
        .string()
        .max(128)
        .regex(/^[\w\-.~[\]:$]+$/, "must be the name of a parameter"),
    )
    .max(100)
    .optional()
    .describe(
      "Parameters that a call's query may have, each once, or any time where the name ends in `[]`. Left out, any query is allowed.",
    ),
});

/** Beside what every service may be told: what a call says of itself, its body and what it accepts. */
export const passedHeader = headerName.refine(
  (name) => !own.test(name),
  "is a header of the proxy, or of nobody",
);

/** The credential's, the proxy's own, and what tells whom a request came from or by whom it passed. */
const own =
  /^(?:authorization|accept-encoding|cookie2?|user-agent|x-forwarded-.*|x-real-ip|x-http-method-override|x-http-method|x-method-override|x-original-url|x-rewrite-url|proxy-.*)$/;

export type ServiceRule = z.infer<typeof rule>;
