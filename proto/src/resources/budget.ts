import * as z from "zod";
import { isTimezone, money, name } from "./values.ts";

export const budget = z
  .strictObject({
    kind: z.literal("budget").describe("The kind of resource: `budget`."),
    name: name.describe("Name of the budget; to apply another of this name is to change this one."),
    scope: z
      .string()
      .regex(
        /^(?:mesh|(?:workflow|agent|node)\/[a-z0-9][a-z0-9-]*|site\/[A-Za-z0-9][A-Za-z0-9._-]*)$/,
        "must be mesh, site/NAME, workflow/NAME, agent/NAME or node/NAME",
      )
      .describe(
        "Whose spending counts: `mesh` for everything, `site/NAME` for calls from nodes with the label `site: NAME`, `node/NAME` for those from one node, `workflow/NAME` for runs of one workflow and of its sub-workflows, `agent/NAME` for the steps of one agent.",
      ),
    window: z
      .enum(["run", "day", "month"])
      .describe(
        "What the limit is for: each run, with its sub-workflows, or a calendar day or month in `timezone`, at whose beginning the count starts anew.",
      ),
    timezone: z
      .string()
      .default("UTC")
      .refine(isTimezone, "must be an IANA time zone such as Europe/Berlin")
      .describe("IANA time zone in which `window` begins, such as Europe/Berlin."),
    limit: money.describe(
      "Ceiling of what may be spent in one window. A call whose worst case does not fit is refused.",
    ),
    warn_at: z
      .array(z.int().min(1).max(100))
      .max(10)
      .default([50, 80, 100])
      .describe(
        "Percentages of `limit` that are recorded once a window when so much has been spent; 100 also when a call is refused for want of money.",
      ),
  })
  .describe("A hard ceiling on what a scope may spend in a window of time.");

export type Budget = z.infer<typeof budget>;
