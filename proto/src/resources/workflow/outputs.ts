import * as z from "zod";
import { limits } from "../../limits.ts";
import { workspacePath } from "../values.ts";

/** Where a step's output comes from, and what is in it. */
export const outputs = z.strictObject({
  from: z
    .enum(["file", "stdout"])
    .default("file")
    .describe(
      "`file`: the file that `$COHORT_OUTPUT` names; `stdout`: all that the step writes there. Either is JSON.",
    ),
  path: workspacePath
    .optional()
    .describe(
      "File below /work that `$COHORT_OUTPUT` names, which the step must leave; left out, one of Cohort's own, which it may leave.",
    ),
  types: z
    .record(
      z.string().regex(/^[A-Za-z_]\w*$/, "must be a name such as rms"),
      z.enum(["string", "number", "boolean", "json"]),
    )
    .refine(
      (types) => Object.keys(types).length <= limits.outputTypesMax,
      `must have at most ${limits.outputTypesMax} names`,
    )
    .optional()
    .describe(
      "Fields of the output, by name, with their types; `json` is any value. The output must then be an object that has them all, and expressions may read no others of it. An agent is told of them, and its answer is then the output itself.",
    ),
});

export type Outputs = z.infer<typeof outputs>;
