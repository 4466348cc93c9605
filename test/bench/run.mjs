// npm run bench:NAME: sets up what the benchmark needs, bundles test/bench/NAME.ts and runs it. What
// it runs in processes of their own stands in test/bench/NAME/*-process.ts, and is bundled beside it.
import { existsSync, readdirSync } from "node:fs";
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
  const outdir = join(repository, "test/dist");
  await build({
    entryPoints: [join(repository, "test/bench", `${name}.ts`), ...processesOf(name)],
    outdir,
    entryNames: "[name]",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    packages: "external",
    // Our own packages are TypeScript, so they are bundled.
    plugins: [
      { name: "own", setup: bundleOwnPackages },
      { name: "toolchain", setup: leaveToolchain },
    ],
    logLevel: "warning",
  });
  await import(pathToFileURL(join(outdir, `${name}.mjs`)).href);
} catch (error) {
  reportFailure(error);
}

/** @param {string} name */
function processesOf(name) {
  const folder = join(repository, "test/bench", name);
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => file.endsWith("-process.ts"));
  return files.map((file) => join(folder, file));
}

/** @param {import("esbuild").PluginBuild} build */
function bundleOwnPackages(build) {
  const { resolve } = createRequire(import.meta.url);
  build.onResolve({ filter: /^@cohort\// }, ({ path }) => ({ path: resolve(path) }));
}

/** The toolchain finds files by its own place. @param {import("esbuild").PluginBuild} build */
function leaveToolchain(build) {
  build.onResolve({ filter: /node-agent\/toolchain\/.*\.mjs$/ }, ({ path, resolveDir }) => ({
    path: join(resolveDir, path),
    external: true,
  }));
}
