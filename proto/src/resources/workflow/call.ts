import * as z from "zod";
import { httpMethods } from "../service/rules.ts";
import { name, template, templateValue } from "../values.ts";

/** A call that the coordinator itself makes, through the vault proxy. */
export const call = z.strictObject({
  service: name.describe(
    "Name of the `service` resource to call; its `allow` must cover the call.",
  ),
  method: z.enum(httpMethods).default("GET").describe("HTTP method."),
  path: template
    .refine((text) => text.startsWith("/"), 'must begin with "/"')
    .describe("Path and query below the service's `base_url`, beginning with `/`."),
  json: templateValue
    .optional()
    .describe("Body, sent as JSON; its texts may hold expressions. Left out, the call has none."),
});
