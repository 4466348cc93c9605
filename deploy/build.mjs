// npm run build: bundles every program that runs on Node.js into its package's dist folder.
import { ensureBundles } from "./setup/bundles.mjs";
import { repository } from "./setup/paths.mjs";
import { phase, reportFailure } from "./setup/phase.mjs";

try {
  await phase("bundles", () => ensureBundles(repository));
} catch (error) {
  reportFailure(error);
}
