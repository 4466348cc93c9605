import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { architectures, buildMachine } from "./architectures.mjs";
import { bundle, toBytecode } from "./bundle.mjs";
import { archive, compile, muslCompiler, sanitizingCompiler } from "./compiler.mjs";
import { hashOf, hashTree, sha256 } from "./hash.mjs";
import { compilerOfScripts, libraries } from "./libraries.mjs";
import { alone, makeOnce } from "./once.mjs";
import { npmParts, ownPart } from "./parts.mjs";
import { ensurePrerequisites } from "./prerequisites.mjs";
import { billOfMaterials } from "./sbom.mjs";
import { prepareSources } from "./sources.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const hostDir = join(root, "node-agent/host");
/** Of the file that says what a binary is made of: https://cyclonedx.org/specification/overview */
export const billSuffix = ".cdx.json";
const binaryBytesMax = 2.5 * 1024 * 1024;

/**
 * @typedef {object} BuildOptions
 * @property {string} [arch] A key of `architectures`.
 * @property {string} [cacheDir]
 * @property {string} [outFile]
 * @property {(line: string) => void} [log] One line a phase.
 * @property {boolean} [sanitize] AddressSanitizer and UBSan, for tests on the build machine.
 * @property {string} [version] That it says it is, instead of node-agent/package.json's.
 * @property {string} [main] Entry of the agent's TypeScript.
 * @property {string} [script] Entry of the script-step runner's TypeScript.
 */

/**
 * Builds the agent's binary, or finds it built already.
 * @param {BuildOptions} [options]
 * @returns {Promise<{file: string, bytes: number, built: boolean}>}
 */
export async function buildAgent(options = {}) {
  const plan = complete(options);
  const finished = join(plan.cacheDir, "binaries", `${inputsHash(plan)}-${plan.variant}`);
  const built = !existsSync(finished);
  if (built) {
    await alone(join(plan.cacheDir, "locks", plan.variant), plan.log, async () => {
      // apt serves one at a time, and builds of other variants may want it now.
      await alone(join(plan.cacheDir, "locks", "prerequisites"), plan.log, () =>
        ensurePrerequisites(plan.architecture, plan.gcc, plan.log),
      );
      await makeOnce(finished, (dir) => buildInto(join(dir, "cohort-agent"), plan));
    });
  }
  const bytes = install(join(finished, "cohort-agent"), plan.outFile);
  if (!plan.sanitize) {
    copyFileSync(join(finished, `cohort-agent${billSuffix}`), `${plan.outFile}${billSuffix}`);
  }
  return { file: plan.outFile, bytes, built };
}

/** The options with what follows from them.
 * @param {BuildOptions} options */
export function complete(options) {
  const architecture = architectures[options.arch ?? "x86_64"];
  if (architecture === undefined) {
    throw new Error(`no architecture ${options.arch}; there are ${Object.keys(architectures)}`);
  }
  const sanitize = options.sanitize ?? false;
  const native = architecture === buildMachine();
  if (sanitize && !native) throw new Error("--sanitize builds for the build machine alone");
  const variant = sanitize ? `${architecture.name}-sanitize` : architecture.name;
  return {
    architecture,
    sanitize,
    variant,
    gcc: native ? "gcc" : `${architecture.gnu}-gcc`,
    cacheDir: resolve(options.cacheDir ?? process.env.COHORT_CACHE ?? join(root, ".cohort/cache")),
    outFile: resolve(options.outFile ?? join(root, ".cohort/build/agent", variant, "cohort-agent")),
    log: options.log ?? (() => {}),
    version: options.version ?? ownVersion(),
    main: options.main ?? join(root, "node-agent/src/main.ts"),
    script: options.script ?? join(root, "node-agent/src/script/main.ts"),
    /** Files of the host that are left out. @type {readonly string[]} */
    without: [],
  };
}

/** @returns {string} */
function ownVersion() {
  return JSON.parse(readFileSync(join(root, "node-agent/package.json"), "utf8")).version;
}

/** Everything that could change the binary; the compiler and the sources have hashes of their own.
 * @param {ReturnType<typeof complete>} plan */
export function inputsHash(plan) {
  const inputs = ["node-agent/toolchain", "node-agent/host", "node-agent/src", "proto"];
  const files = ["node-agent/package.json", "package-lock.json"];
  const own = hashTree(
    [...inputs, ...files].map((name) => join(root, name)),
    (name) => !/\.md$|\/test\//.test(name),
  );
  return hashOf(
    own,
    plan.version,
    plan.main,
    hashTree([plan.main]),
    plan.script,
    hashTree([plan.script]),
  );
}

/**
 * @param {string} output
 * @param {ReturnType<typeof complete>} plan
 */
async function buildInto(output, plan) {
  const { architecture, cacheDir, log } = plan;
  const third = await prepareSources(architecture, cacheDir, log);
  const compiler = plan.sanitize
    ? await sanitizingCompiler(third)
    : await muslCompiler(plan.gcc, architecture, third);
  const built = await Promise.all(
    Object.keys(libraries).map((name) => buildLibrary(name, compiler, third, plan)),
  );
  const archives = built.map((library) => library.file);
  const flags = built.flatMap((library) => library.flags);
  const scripts = await buildScripts(third, plan);
  log("compiling the host");
  const objects = await buildHost(compiler, flags, scripts, plan);
  log(`linking ${plan.variant}`);
  await compiler.link(objects, archives, output);
  chmodSync(output, 0o755);
  checkSize(output, plan);
  if (!plan.sanitize) writeBill(output, compiler, third, scripts, plan);
}

/** Beside the binary: what it is made of. */
function writeBill(output, compiler, third, scripts, plan) {
  const { version, inputs } = scripts;
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  const binary = {
    version,
    arch: plan.architecture.name,
    sha256: sha256(readFileSync(output)),
    compiler: compiler.name,
  };
  const parts = [
    ...[...third.parts, ...compiler.parts, ...npmParts(inputs, lock)],
    ownPart("@cohort/node-agent", version, root, ["node-agent/src", "node-agent/host"]),
    ownPart("@cohort/proto", version, root, ["proto/src", "proto/gen"]),
  ];
  writeFileSync(`${output}${billSuffix}`, billOfMaterials(binary, parts));
}

/** One library, archived under the hash of what it is made from. */
export async function buildLibrary(name, compiler, third, plan, library = libraries[name]) {
  const source = third.sources[name];
  const generated = await generate(name, library, source, third.identity, plan.cacheDir);
  const flags = library.flags(source, generated, hostDir);
  const configuration = name === "mbedtls" ? hashTree([join(hostDir, "tls_config.h")]) : "";
  const key = hashOf(compiler.identity, ...compiler.flags, ...flags, configuration);
  const folder = await makeOnce(join(plan.cacheDir, "libraries", `${name}-${key}`), async (dir) => {
    plan.log(`compiling ${name} for ${plan.variant}`);
    const unit = { name, files: library.files(source), flags: [...flags, "-w"], identity: key };
    await archive(await compile(compiler, unit, plan.cacheDir), join(dir, `lib${name}.a`));
  });
  return { file: join(folder, `lib${name}.a`), flags };
}

function generate(name, library, source, identity, cacheDir) {
  const key = hashOf(identity, String(library.generate));
  return makeOnce(join(cacheDir, "generated", `${name}-${key}`), async (dir) => {
    library.generate?.(source, dir);
  });
}

/** Both bundles as bytecode in C. */
export async function buildScripts(third, plan) {
  const qjsc = await buildBytecodeCompiler(third, plan);
  const { version } = plan;
  plan.log("bundling the agent and the script runner");
  const entries = { agent_bytecode: plan.main, script_bytecode: plan.script };
  const bundles = await Promise.all(Object.values(entries).map((entry) => bundle(entry, version)));
  const sources = await Promise.all(
    Object.keys(entries).map(async (symbol, index) => {
      return [symbol, await toBytecode(qjsc, bundles[index].text, symbol)];
    }),
  );
  return { version, sources, inputs: bundles.flatMap(({ inputs }) => inputs) };
}

/** qjsc for the machine that builds, from the same recipe as the agent's own QuickJS. */
async function buildBytecodeCompiler(third, plan) {
  const machine = buildMachine();
  const own =
    machine === plan.architecture ? third : await prepareSources(machine, plan.cacheDir, plan.log);
  const compiler = await muslCompiler("gcc", machine, own);
  const native = { ...plan, variant: machine.name };
  const quickjs = await buildLibrary("quickjs", compiler, own, native);
  const source = own.sources.quickjs;
  const generated = await generate(
    "quickjs",
    libraries.quickjs,
    source,
    own.identity,
    plan.cacheDir,
  );
  const flags = [...compilerOfScripts.flags(source, generated), "-w"];
  const key = hashOf(compiler.identity, ...flags, quickjs.file);
  const folder = await makeOnce(join(plan.cacheDir, "tools", `qjsc-${key}`), async (dir) => {
    plan.log("building qjsc");
    const unit = { name: "qjsc", files: compilerOfScripts.files(source), flags, identity: key };
    const objects = await compile(compiler, unit, plan.cacheDir);
    await compiler.link(objects, [quickjs.file], join(dir, "qjsc"));
  });
  return join(folder, "qjsc");
}

/** Each C file of the host and each bytecode is cached by itself: an edit recompiles one file. */
export async function buildHost(compiler, libraryFlags, scripts, plan, folders = [hostDir]) {
  const own = folders.flatMap((folder) =>
    readdirSync(folder)
      .sort()
      .map((name) => join(folder, name)),
  );
  const headers = hashTree(own.filter((name) => name.endsWith(".h")));
  const files = own.filter((name) => name.endsWith(".c") && !plan.without.includes(basename(name)));
  const flags = [
    // As system headers, so that our warnings apply to our code alone.
    ...libraryFlags.map((flag) => flag.replace(/^-I/, "-isystem")),
    ...[
      ...folders.map((folder) => `-I${folder}`),
      "-D_GNU_SOURCE",
      `-DCOHORT_VERSION="${scripts.version}"`,
    ],
    ...[`-DCOHORT_ARCH="${plan.architecture.name}"`],
    ...["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-cast-function-type"],
  ];
  const generated = await makeOnce(
    join(plan.cacheDir, "bytecode", hashOf(...scripts.sources.flat())),
    async (dir) => {
      for (const [symbol, text] of scripts.sources) writeFileSync(join(dir, `${symbol}.c`), text);
    },
  );
  const all = [...files, ...scripts.sources.map(([symbol]) => join(generated, `${symbol}.c`))];
  const units = all.map((file) => ({
    name: "host",
    files: [file],
    flags,
    identity: hashOf(headers, file, readFileSync(file)),
  }));
  const objects = await Promise.all(units.map((unit) => compile(compiler, unit, plan.cacheDir)));
  return objects.flat();
}

function checkSize(output, plan) {
  const { size } = statSync(output);
  if (!plan.sanitize && size > binaryBytesMax) {
    throw new Error(`the agent has ${size} bytes; ${binaryBytesMax} is what small boards can hold`);
  }
}

/** Puts the binary in place by rename, since a running agent's own file can't be overwritten. */
function install(source, outFile) {
  const made = statSync(source);
  const present = existsSync(outFile) ? statSync(outFile) : undefined;
  if (present?.size === made.size && present.mtimeMs === made.mtimeMs) return made.size;
  mkdirSync(dirname(outFile), { recursive: true });
  const temporary = `${outFile}.${process.pid}`;
  copyFileSync(source, temporary);
  chmodSync(temporary, 0o755);
  utimesSync(temporary, made.atime, made.mtime);
  renameSync(temporary, outFile);
  return made.size;
}

async function main() {
  const { values } = parseArgs({
    options: {
      arch: { type: "string" },
      sanitize: { type: "boolean" },
      out: { type: "string" },
      version: { type: "string" },
    },
  });
  const log = (line) => process.stderr.write(`${line}\n`);
  const { sanitize, version, out: outFile } = values;
  const wanted = values.arch === "all" ? Object.keys(architectures) : [values.arch];
  if (wanted.length > 1 && outFile !== undefined) throw new Error("--out takes one binary");
  for (const arch of wanted) {
    const start = performance.now();
    const { file, bytes, built } = await buildAgent({ arch, sanitize, version, outFile, log });
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    log(`${file}: ${bytes} bytes, ${built ? "built" : "unchanged"}, ${seconds} s`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
