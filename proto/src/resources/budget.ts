import * as z from "zod";
import { money, name } from "./values.ts";

/** `kind: budget`: a hard ceiling on what a scope may spend in a window. */
export const budget = z.strictObject({
  kind: z.literal("budget"),
  name,
  /** "mesh", or one workflow or node. */
  scope: z
    .string()
    .regex(
      /^(?:mesh|(?:workflow|node)\/[a-z0-9][a-z0-9-]*)$/,
      "must be mesh, workflow/NAME or node/NAME",
    ),
  window: z.enum(["day", "month"]),
  timezone: z
    .string()
    .default("UTC")
    .refine(isTimezone, "must be an IANA time zone such as Europe/Berlin"),
  limit: money,
});

export type Budget = z.infer<typeof budget>;

function isTimezone(text: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: text });
    return true;
  } catch {
    return false;
  }
}
