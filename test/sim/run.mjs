// npm run sim: bundles test/sim/main.ts and runs it. It needs packages alone: no server, no agent.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureNpmPackages } from "../../deploy/setup/npm-packages.mjs";
import { repository } from "../../deploy/setup/paths.mjs";
import { phase, reportFailure } from "../../deploy/setup/phase.mjs";

try {
  await phase("packages", (progress) => ensureNpmPackages(repository, progress));
  const { build } = await import("esbuild");
  const outfile = join(repository, "test/dist/sim.mjs");
  await build({
    entryPoints: [join(repository, "test/sim/main.ts")],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    packages: "external",
    sourcemap: "inline",
    // Our own packages are TypeScript, so they are bundled.
    plugins: [{ name: "own", setup: bundleOwnPackages }],
    logLevel: "warning",
  });
  await import(pathToFileURL(outfile).href);
} catch (error) {
  reportFailure(error);
}

/** @param {import("esbuild").PluginBuild} build */
function bundleOwnPackages(build) {
  const { resolve } = createRequire(import.meta.url);
  build.onResolve({ filter: /^@cohort\// }, ({ path }) => ({ path: resolve(path) }));
}
