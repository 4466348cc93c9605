import * as z from "zod";
import { approvalTimeoutDefaultMs, limits } from "../../limits.ts";
import { formatDuration } from "../../quantity.ts";
import { approvalRoles } from "../../roles.ts";
import { neutraliseLines } from "../../text.ts";
import { duration, name, template } from "../values.ts";

/** A question to people, which one of them decides. */
export const approve = z.strictObject({
  prompt: template
    .min(1)
    .max(limits.promptLengthMax)
    .refine((text) => neutraliseLines(text) === text, "must hold no invisible characters")
    .describe(
      "What is asked; its expressions are evaluated once, when the step begins. Characters in their values that would not be seen are shown as escapes.",
    ),
  roles: z
    .array(z.enum(approvalRoles))
    .min(1)
    .refine((roles) => new Set(roles).size === roles.length, "must name each role once")
    .describe("Roles of the people who may decide; one of them is enough."),
  notify: z
    .array(name)
    .min(1)
    .max(limits.notifyMax)
    .refine((names) => new Set(names).size === names.length, "must name each channel once")
    .optional()
    .describe(
      "Channels that are sent what is asked, as JSON: `{ run, workflow, step, instance, attempt, prompt, roles, until }`. Left out, none is.",
    ),
  timeout: duration
    .prefault(formatDuration(approvalTimeoutDefaultMs))
    .describe("How long a decision is awaited; then the step fails with APPROVAL_TIMEOUT."),
});
