import * as z from "zod";
import { limits } from "../limits.ts";
import { parseDuration, parseMoney, parseSize } from "../quantity.ts";
import { isName } from "../subjects.ts";

/** Building blocks of the resource schemas: what a person writes, and what it becomes. */

export const name = z
  .string()
  .refine(
    isName,
    `must be a lower-case name of letters, digits and "-", at most ${limits.nameLengthMax}`,
  );

/** "90s", "1h30m" to ms. */
export const duration = quantity(parseDuration, 'must be a duration such as "90s" or "1h30m"');
/** "64MiB" to bytes. */
export const size = quantity(parseSize, 'must be a size such as "64MiB" or "10MB"');
/** "0.20 USD" to nano-USD. */
export const money = quantity(parseMoney, 'must be an amount such as "0.20 USD"');

/** Text that may contain ${{ }}; checked when the workflow is compiled. */
export const template = z.string().max(limits.scriptBytesMax);

/** Any JSON value whose texts may contain ${{ }}. */
export const templateValue: z.ZodType<TemplateValue> = z.lazy(() =>
  z.union([
    z.string(),
    z.number(),
    z.boolean(),
    z.null(),
    z.array(templateValue),
    z.record(z.string(), templateValue),
  ]),
);

export type TemplateValue =
  | string
  | number
  | boolean
  | null
  | TemplateValue[]
  | { [key: string]: TemplateValue };

export const environmentName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of an environment variable")
  .refine((text) => !text.startsWith("COHORT_"), "COHORT_ names are Cohort's own");

function quantity(parse: (text: string) => number | null, message: string) {
  return z.string().transform((text, context) => {
    const value = parse(text);
    if (value !== null) return value;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}
