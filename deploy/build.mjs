// npm run build: bundles every program that runs on Node.js into its package's dist folder.
// npm run dev: the same, and again whenever a source changes.
import { ensureBundles, watchBundles } from "./setup/bundles.mjs";
import { repository } from "./setup/paths.mjs";
import { phase, reportFailure } from "./setup/phase.mjs";

try {
  if (process.argv.includes("--watch")) {
    await watchBundles(repository, (line) => process.stderr.write(`${line}\n`));
  } else {
    await phase("bundles", () => ensureBundles(repository));
  }
} catch (error) {
  reportFailure(error);
}
