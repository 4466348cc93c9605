import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { run } from "./run.mjs";

const source = resolve(import.meta.dirname, "../src");

/** Modules that the native agent replaces by its own; paths relative to src/. */
const aliases = Object.fromEntries(
  Object.entries(JSON.parse(readFileSync(join(source, "aliases.json"), "utf8"))).map(
    ([name, path]) => [name, resolve(source, String(path))],
  ),
);

/** The language that QuickJS of 2025 runs without rewriting. */
const target = "es2022";

/**
 * TypeScript to one JavaScript module. `platform: neutral` and no externals: an import of a Node
 * builtin, direct or in a dependency, has nothing to resolve to and fails the build.
 * @param {string} entry
 * @param {string} version Of the agent, for `__COHORT_VERSION__`.
 * @returns {Promise<{text: string, inputs: string[]}>} `inputs`: paths of the modules in it.
 */
export async function bundle(entry, version) {
  // Loaded here alone, so that a build with nothing to do does not pay for it.
  const { build } = await import("esbuild");
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["import", "module"],
    target,
    alias: aliases,
    minify: true,
    charset: "utf8",
    legalComments: "none",
    tsconfigRaw: {},
    define: { __COHORT_VERSION__: JSON.stringify(version) },
    logLevel: "silent",
    metafile: true,
  });
  return { text: result.outputFiles[0].text, inputs: Object.keys(result.metafile.inputs) };
}

/**
 * A JavaScript module to bytecode, as C text that defines `uint8_t SYMBOL[]` and `SYMBOL_size`.
 * @param {string} qjsc
 * @param {string} source
 * @param {string} symbol
 */
export async function toBytecode(qjsc, source, symbol) {
  const dir = mkdtempSync(join(tmpdir(), "cohort-qjsc-"));
  try {
    const output = join(dir, `${symbol}.c`);
    writeFileSync(join(dir, `${symbol}.js`), source);
    // A relative name, as it ends up in stack traces and must not vary from build to build.
    await run([qjsc, "-c", "-m", "-N", symbol, "-o", output, `${symbol}.js`], {
      what: `compiling ${symbol} to bytecode`,
      remedy: "the bundle uses syntax that QuickJS lacks: change it, or lower the target",
      cwd: dir,
    });
    return readFileSync(output, "utf8");
  } finally {
    rmSync(dir, { recursive: true });
  }
}
