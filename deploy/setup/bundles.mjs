// @ts-check
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "./command.mjs";

/** Every program that runs on Node.js: where its source begins, and the one file it becomes. */
const bundles = [
  { entry: "coordinator/src/main.ts", file: "coordinator/dist/coordinator.mjs" },
  {
    entry: "coordinator/src/log/commit-thread-main.ts",
    file: "coordinator/dist/commit-thread.mjs",
  },
  { entry: "gateway/src/main.ts", file: "gateway/dist/gateway.mjs" },
  { entry: "gateway/console/cli/main.ts", file: "gateway/dist/cohort.mjs" },
  { entry: "deploy/src/start/main.ts", file: "deploy/dist/start.mjs" },
  { entry: "deploy/examples/maintenance/main.ts", file: "deploy/dist/maintenance.mjs" },
];

/** What cannot lie inside a bundle: native code, WebAssembly, files beside it, optional parts of ws. */
const external = [
  "better-sqlite3",
  "libsodium-wrappers-sumo",
  "esbuild",
  "grpc-health-check",
  "bufferutil",
  "utf-8-validate",
];

/** @type {import("esbuild").BuildOptions} */
const options = {
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  external,
  // The same code as for Node.js, but that one looks into the environment at every token.
  alias: { yaml: "./node_modules/yaml/browser/index.js" },
  // Packages in CommonJS call require, which an ES module does not have.
  banner: {
    js: 'import { createRequire as cohortRequire } from "node:module"; const require = cohortRequire(import.meta.url);',
  },
  sourcemap: true,
  metafile: true,
  logLevel: "silent",
};

/**
 * Builds the bundles whose sources changed.
 *
 * @param {string} repository
 * @returns {Promise<string>} what was done
 */
export async function ensureBundles(repository) {
  const contents = new Contents(repository);
  const settings = sha256(JSON.stringify(options), contents.hash("package-lock.json"));
  const stale = bundles.filter((bundle) => !isFresh(repository, bundle.file, settings, contents));
  if (stale.length === 0) return `${bundles.length} up to date`;
  const esbuild = await import("esbuild");
  await Promise.all(
    stale.map(async ({ entry, file }) => {
      const outfile = join(repository, file);
      const result = await esbuild.build(optionsFor(repository, { entry, file })).catch((error) => {
        throw failure(entry, error);
      });
      const inputs = Object.keys(
        /** @type {import("esbuild").Metafile} */ (result.metafile).inputs,
      );
      const hashes = Object.fromEntries(inputs.map((path) => [path, contents.hash(path)]));
      writeFileSync(`${outfile}.inputs.json`, JSON.stringify({ settings, inputs: hashes }));
    }),
  );
  return `${stale.length} of ${bundles.length} built`;
}

/** @param {string} repository @param {{ entry: string, file: string }} bundle */
function optionsFor(repository, { entry, file }) {
  return {
    ...options,
    entryPoints: [join(repository, entry)],
    outfile: join(repository, file),
    absWorkingDir: repository,
  };
}

/**
 * @param {string} repository
 * @param {string} file
 * @param {string} settings
 * @param {Contents} contents
 */
function isFresh(repository, file, settings, contents) {
  const record = join(repository, `${file}.inputs.json`);
  if (!existsSync(record) || !existsSync(join(repository, file))) return false;
  /** @type {{ settings: string, inputs: Record<string, string> }} */
  const built = JSON.parse(readFileSync(record, "utf8"));
  if (built.settings !== settings) return false;
  return Object.entries(built.inputs).every(([path, hash]) => contents.hash(path) === hash);
}

/** Hashes of files, each read once: the bundles share most of what they hold. */
class Contents {
  /** @type {Map<string, string>} */
  #hashes = new Map();
  #repository;

  /** @param {string} repository */
  constructor(repository) {
    this.#repository = repository;
  }

  /** "" for a file that is gone. @param {string} path */
  hash(path) {
    const known = this.#hashes.get(path);
    if (known !== undefined) return known;
    const full = join(this.#repository, path);
    const hash = existsSync(full) ? sha256(readFileSync(full)) : "";
    this.#hashes.set(path, hash);
    return hash;
  }
}

/** @param {...(string | Uint8Array)} parts */
function sha256(...parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** @param {string} entry @param {unknown} error */
function failure(entry, error) {
  return new SetupError(`${entry} could not be bundled`, {
    command: "node deploy/build.mjs",
    output: error instanceof Error ? error.message : String(error),
    remedy: "Mend the source lines named above; `npx tsc` checks all of them.",
    cause: error,
  });
}
