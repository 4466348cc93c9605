import * as z from "zod";
import { isSecretPath } from "../../secret-path.ts";

const secretPath = z.string().refine(isSecretPath, "must be a path such as maintenance/api-key");
const secret = secretPath.describe(
  "Path of the credential in the vault, as `cohort secret set` stored it for this service.",
);

/** The credential of a service, and how a call shows it. */
export const auth = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("bearer").describe("Sent as `Authorization: Bearer SECRET`."),
    secret,
  }),
  z.strictObject({
    type: z.literal("header").describe("Sent as the value of a header of its own."),
    header: z
      .string()
      .regex(/^[a-z0-9-]+$/, "must be a header name in lower case")
      .describe("Name of that header, in lower case."),
    secret,
  }),
  z.strictObject({ type: z.literal("none").describe("The service asks for no credential.") }),
]);
