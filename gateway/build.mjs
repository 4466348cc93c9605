import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** What is built: output name to entry file. */
export const entryPoints = {
  gateway: "src/main.ts",
  cohort: "console/cli/main.ts",
};

const here = fileURLToPath(new URL(".", import.meta.url));

/** Bundled CommonJS packages expect these three names. */
const banner = `import { createRequire as __createRequire } from "node:module";
import { dirname as __dirnameOf } from "node:path";
import { fileURLToPath as __pathOf } from "node:url";
const require = __createRequire(import.meta.url);
const __filename = __pathOf(import.meta.url);
const __dirname = __dirnameOf(__filename);`;

await rm(`${here}dist`, { recursive: true, force: true });
await build({
  absWorkingDir: here,
  entryPoints,
  outdir: "dist",
  entryNames: "[name]",
  chunkNames: "chunks/[name]-[hash]",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  // Commands load what they need when they run, so that `cohort --version` does not load gRPC.
  splitting: true,
  platform: "node",
  target: "node20",
  format: "esm",
  banner: { js: banner },
  sourcemap: true,
  minifySyntax: true,
  logLevel: "warning",
});
