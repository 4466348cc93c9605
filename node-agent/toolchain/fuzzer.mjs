import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { buildHost, buildLibrary, buildScripts, complete, inputsHash } from "./build.mjs";
import { fuzzingCompiler } from "./compiler.mjs";
import { hashOf, hashTree } from "./hash.mjs";
import { libraries } from "./libraries.mjs";
import { alone, makeOnce } from "./once.mjs";
import { ensurePackages, ensurePrerequisites, onPath } from "./prerequisites.mjs";
import { run } from "./run.mjs";
import { prepareSources } from "./sources.mjs";

const fuzzDir = resolve(import.meta.dirname, "../fuzz");
const hostDir = resolve(import.meta.dirname, "../host");

/**
 * Builds the program that fuzzes every parser of the agent, in C or in TypeScript, or finds it
 * built already. For the machine that builds, by clang.
 * @param {{cacheDir?: string, log?: (line: string) => void}} [options]
 * @returns {Promise<string>} its path
 */
export async function buildFuzzer(options = {}) {
  const plan = {
    ...complete({ ...options, sanitize: true, main: join(fuzzDir, "targets.ts") }),
    // libFuzzer has the `main`.
    without: ["main.c"],
  };
  plan.variant = `${plan.architecture.name}-fuzz`;
  const key = hashOf(
    inputsHash(plan),
    hashTree([fuzzDir], (name) => !/\/corpus\//.test(name)),
  );
  const finished = join(plan.cacheDir, "binaries", `${key}-${plan.variant}`);
  if (!existsSync(finished)) {
    await alone(join(plan.cacheDir, "locks", plan.variant), plan.log, async () => {
      await ensurePrerequisites(plan.architecture, plan.gcc, plan.log);
      await ensureClang(plan.log);
      await makeOnce(finished, (dir) => buildInto(join(dir, "cohort-fuzz"), plan));
    });
  }
  return join(finished, "cohort-fuzz");
}

async function buildInto(output, plan) {
  const third = await prepareSources(plan.architecture, plan.cacheDir, plan.log);
  const compiler = await fuzzingCompiler(third);
  const quickjs = await coveringQuickjs(third, plan.cacheDir);
  const built = await Promise.all(
    Object.entries({ ...libraries, quickjs }).map(([name, library]) =>
      buildLibrary(name, compiler, third, plan, library),
    ),
  );
  // What keeps QuickJS quiet is not for the host, whose branches and faults are looked for.
  const flags = built.flatMap((library) => library.flags).filter((it) => !quietly.includes(it));
  const scripts = await buildScripts(third, plan);
  plan.log("compiling the fuzzer");
  const objects = await buildHost(compiler, flags, scripts, plan, [hostDir, fuzzDir]);
  await compiler.link(
    objects,
    built.map((library) => library.file),
    output,
  );
}

/** How QuickJS goes from one opcode of a script to the next. */
const dispatch = "goto *dispatch_table[opcode = *pc++];";
const coveringDispatch = "goto *dispatch_table[(fuzz_cover(pc), opcode = *pc++)];";

const quietly = ["-O2", "-fno-sanitize=undefined,fuzzer-no-link"];

/** QuickJS that tells libFuzzer which parts of a script run: see fuzz_cover.h. */
async function coveringQuickjs(third, cacheDir) {
  const { quickjs } = libraries;
  const header = join(fuzzDir, "fuzz_cover.h");
  const key = hashOf(third.identity, coveringDispatch, hashTree([header]));
  const folder = await makeOnce(join(cacheDir, "generated", `quickjs-fuzz-${key}`), async (dir) => {
    const parts = readFileSync(join(third.sources.quickjs, "quickjs.c"), "utf8").split(dispatch);
    if (parts.length !== 2) throw new Error(`quickjs.c has no single "${dispatch}"`);
    writeFileSync(join(dir, "quickjs.c"), parts.join(coveringDispatch));
  });
  const replaced = (file) => (basename(file) === "quickjs.c" ? join(folder, "quickjs.c") : file);
  return {
    ...quickjs,
    files: (root) => quickjs.files(root).map(replaced),
    // Its own branches would drown those of the script; its faults are the sanitizing build's to find.
    flags: (...given) => [...quickjs.flags(...given), ...quietly, "-include", header],
  };
}

/** The runtimes of the sanitizers and of libFuzzer are a package of their own, a version each. */
async function ensureClang(log) {
  if (!onPath("clang")) await ensurePackages(["clang"], log);
  const asking = { what: "asking clang", remedy: "reinstall clang" };
  const runtime = await run(["clang", "-print-file-name=libclang_rt.fuzzer-x86_64.a"], asking);
  const version = (await run(["clang", "-dumpversion"], asking)).split(".")[0];
  const resources = (await run(["clang", "-print-resource-dir"], asking)).trim();
  const present = existsSync(runtime.trim()) || existsSync(join(resources, "lib/linux"));
  if (!present) await ensurePackages([`libclang-rt-${version}-dev`], log);
}
