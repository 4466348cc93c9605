import * as z from "zod";
import { templateValue } from "../values.ts";

/** What a run is given when it starts. */

export const inputName = z.string().regex(/^[A-Za-z_]\w*$/);

export const input = z.strictObject({
  type: z
    .enum(["string", "number", "boolean", "json"])
    .default("string")
    .describe(
      "Type that the value must have; `json` takes any. A text that spells a number or a boolean is taken for one where that is the type.",
    ),
  description: z.string().max(1000).optional().describe("What the input means, for people."),
  default: templateValue
    .optional()
    .describe(
      "Value where the start of the run gives none; its expressions may read `event`. Left out, the input must be given.",
    ),
});
