import * as z from "zod";
import { limits } from "../limits.ts";
import {
  durationPattern,
  formatDuration,
  formatMoney,
  formatSize,
  moneyPattern,
  parseDuration,
  parseMoney,
  parseSize,
  sizePattern,
} from "../quantity.ts";
import { namePattern } from "../subjects.ts";

/** Building blocks of the resource schemas: what a person writes, and what it becomes. */

export const name = z
  .string()
  .regex(
    namePattern,
    `must be a lower-case name of letters, digits and "-", at most ${limits.nameLengthMax}`,
  )
  .meta({ title: "name" });

/** "90s", "1h30m" to ms. */
export const duration = quantity({
  title: "duration",
  pattern: durationPattern,
  parse: parseDuration,
  format: formatDuration,
  message: 'must be a duration such as "90s" or "1h30m"',
});

/** "64MiB" to bytes. */
export const size = quantity({
  title: "size",
  pattern: sizePattern,
  parse: parseSize,
  format: formatSize,
  message: 'must be a size such as "64MiB" or "10MB"',
});

/** "0.20 USD" to nano-USD. */
export const money = quantity({
  title: "amount",
  pattern: moneyPattern,
  parse: parseMoney,
  format: formatMoney,
  message: 'must be an amount such as "0.20 USD"',
});

/** Text that may contain ${{ }}; checked when the workflow is compiled. */
export const template = z.string().max(limits.scriptBytesMax).meta({ title: "template" });

/** Any JSON value whose texts may contain ${{ }}. */
export const templateValue: z.ZodType<TemplateValue> = z
  .lazy(() =>
    z.union([
      z.string(),
      z.number(),
      z.boolean(),
      z.null(),
      z.array(templateValue),
      z.record(z.string(), templateValue),
    ]),
  )
  .meta({ id: "value", title: "value" });

/** A path below the step's folder /work, as "out/result.json". */
export const workspacePath = z
  .string()
  .max(limits.workspacePathLengthMax)
  .regex(
    /^(?!\.{1,2}(?:\/|$))[^/\\\p{Cc}]+(?:\/(?!\.{1,2}(?:\/|$))[^/\\\p{Cc}]+)*$/u,
    'must be a path below /work, such as "out/result.json"',
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

/** Whether it names an IANA time zone. */
export function isTimezone(text: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

interface Quantity {
  readonly title: string;
  readonly pattern: RegExp;
  /** Null where the text fits the pattern and is still too large to count with. */
  readonly parse: (text: string) => number | null;
  readonly format: (value: number) => string;
  readonly message: string;
}

function quantity({ title, pattern, parse, format, message }: Quantity) {
  return z
    .codec(z.string().regex(pattern, message), z.number(), {
      decode(text, payload) {
        const value = parse(text);
        if (value !== null) return value;
        payload.issues.push({ code: "custom", message, input: text });
        return z.NEVER;
      },
      encode: format,
    })
    .meta({ title });
}
