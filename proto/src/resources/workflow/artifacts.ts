import * as z from "zod";
import { limits } from "../../limits.ts";
import { name, template, workspacePath } from "../values.ts";

/** Files that steps leave for later ones and for people. */

const upload = z.strictObject({
  name: name.describe("Name of the artifact, unique in its step."),
  path: workspacePath.describe("File below /work, which the step must leave."),
});

const download = z.strictObject({
  step: name.describe(
    "Step of the same run that uploads the artifact, and ends before this one begins.",
  ),
  name: name.describe("Name of the artifact."),
  instance: z
    .union([z.int().min(0).max(limits.instancesMax), template])
    .optional()
    .describe(
      "Number of the instance, or expression that gives it, where the step has several; left out, `path` is a folder with a file for each that has one, named by its number.",
    ),
  path: workspacePath.describe("File below /work that the step finds when it begins."),
});

export const artifacts = z.strictObject({
  upload: z
    .array(upload)
    .max(limits.artifactsDeclaredMax)
    .default([])
    .describe("Files that are kept when the step's program has succeeded."),
  download: z
    .array(download)
    .max(limits.artifactsDeclaredMax)
    .default([])
    .describe("Artifacts of earlier steps that are placed in /work before the step begins."),
});

export type Artifacts = z.infer<typeof artifacts>;
export type Download = z.infer<typeof download>;
