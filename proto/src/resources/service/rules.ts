import * as z from "zod";

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
});

export type ServiceRule = z.infer<typeof rule>;
