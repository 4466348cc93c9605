// npm run bench:NAME: sets up what the benchmark needs, bundles test/bench/NAME.ts and runs it.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { repository } from "../../deploy/setup/paths.mjs";
import { reportFailure } from "../../deploy/setup/phase.mjs";
import { setUp } from "../../deploy/setup/set-up.mjs";

try {
  await setUp();
  const { build } = await import("esbuild");
  const name = process.argv[2] ?? "";
  // Two folders below the repository, where every bundle lies, so that paths are found from it.
  const outfile = join(repository, "test/dist", `${name}.mjs`);
  await build({
    entryPoints: [join(repository, "test/bench", `${name}.ts`)],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    packages: "external",
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
