import * as z from "zod";
import { isTimezone, money, name } from "./values.ts";

export const budget = z
  .strictObject({
    kind: z.literal("budget").describe("The kind of resource: `budget`."),
    name: name.describe("Name of the budget; to apply another of this name is to change this one."),
    scope: z
      .string()
      .regex(
        /^(?:mesh|(?:workflow|agent|node)\/[a-z0-9][a-z0-9-]*)$/,
        "must be mesh, workflow/NAME, agent/NAME or node/NAME",
      )
      .describe(
        "Whose spending counts: `mesh` for everything, `workflow/NAME` for runs of one workflow, `agent/NAME` for the steps of one agent, `node/NAME` for calls from one node.",
      ),
    window: z
      .enum(["day", "month"])
      .describe("Calendar day or month in `timezone`, at whose beginning the count starts anew."),
    timezone: z
      .string()
      .default("UTC")
      .refine(isTimezone, "must be an IANA time zone such as Europe/Berlin")
      .describe("IANA time zone in which `window` begins, such as Europe/Berlin."),
    limit: money.describe(
      "Ceiling of what may be spent in one window. A call whose worst case does not fit is refused.",
    ),
  })
  .describe("A hard ceiling on what a scope may spend in a window of time.");

export type Budget = z.infer<typeof budget>;
