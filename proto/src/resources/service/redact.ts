import * as z from "zod";
import { limits } from "../../limits.ts";
import { compilePattern } from "../../pattern.ts";
import { formatSize } from "../../quantity.ts";
import { headerName } from "./wire.ts";

const pointer = z
  .string()
  .max(512)
  .regex(/^(?:\/(?:[^/~]|~[01])*)+$/, "must be a JSON pointer such as /customer/email");

const pattern = z
  .string()
  .min(1)
  .max(512)
  .refine((text) => compilePattern(text) !== null, "must be a regular expression of RE2")
  .refine((text) => compilePattern(text)?.replaceAll("", "x") === "", "must not match nothing");

const wholeMax = formatSize(limits.redactedBytesMax);

/** What of answers no step is told. */
export const redact = z.strictObject({
  headers: z
    .array(headerName)
    .max(32)
    .optional()
    .describe("Headers that are left out of answers, in lower case."),
  json: z
    .array(pointer)
    .min(1)
    .max(64)
    .optional()
    .describe(
      "JSON pointers (RFC 6901) to values that become `[redacted]`; `*` is every member or element. An answer that is not JSON is refused.",
    ),
  patterns: z
    .array(pattern)
    .min(1)
    .max(16)
    .optional()
    .describe(
      `Regular expressions (RE2); what matches in an answer's text becomes \`[redacted]\`. With these or \`json\`, an answer is passed on once all of it has come, and one beyond ${wholeMax} is refused.`,
    ),
});

export type Redact = z.infer<typeof redact>;
