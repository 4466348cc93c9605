import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { architectures, buildMachine } from "./architectures.mjs";
import { billSuffix, buildAgent } from "./build.mjs";
import { sha256 } from "./hash.mjs";
import { run } from "./run.mjs";
import { prepareSources } from "./sources.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
/** What a build reads of a checkout. */
const inputs = ["node-agent", "proto", "deploy/setup", "package.json", "package-lock.json"];

/**
 * Builds the agent a second time, from a copy of the sources in another folder, with an empty cache,
 * another time zone, language and umask, and compares. Nothing that was compiled before is used.
 * @param {{arch: string, cacheDir?: string, log?: (line: string) => void}} options
 * @returns {Promise<{file: string, sha256: string, differs: string[]}>} `differs`: files whose bytes
 * are not the same.
 */
export async function checkReproducible({ arch, cacheDir, log = () => {} }) {
  const { file } = await buildAgent({ arch, cacheDir, log });
  const elsewhere = mkdtempSync(join(tmpdir(), "cohort-agent-built-elsewhere-"));
  try {
    const checkout = join(elsewhere, "a", "checkout");
    copyCheckout(checkout);
    const cache = join(elsewhere, "cache");
    await copyDownloads(architectures[arch], cacheDir ?? defaultCache(), cache, log);
    const second = join(elsewhere, "cohort-agent");
    // What else runs on this machine goes first.
    const build = 'umask 077; exec nice -n 10 "$0" "$@"';
    const program = join(checkout, "node-agent/toolchain/build.mjs");
    log(`building ${arch} once more, in ${checkout}`);
    await run(["sh", "-c", build, process.execPath, program, "--arch", arch, "--out", second], {
      what: "the second build",
      remedy: "see what it said above",
      env: { ...process.env, COHORT_CACHE: cache, TZ: "Pacific/Chatham", LANG: "C.UTF-8" },
    });
    const differs = ["", billSuffix].filter(
      (suffix) => !readFileSync(`${file}${suffix}`).equals(readFileSync(`${second}${suffix}`)),
    );
    return { file, sha256: sha256(readFileSync(file)), differs: differs.map((it) => file + it) };
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
}

function defaultCache() {
  return resolve(process.env.COHORT_CACHE ?? join(root, ".cohort/cache"));
}

/** @param {string} target */
function copyCheckout(target) {
  const skipped = /\/(?:node_modules|dist|test)$/;
  for (const name of inputs) {
    const filter = (/** @type {string} */ path) => !skipped.test(path);
    cpSync(join(root, name), join(target, name), { recursive: true, filter });
  }
  // Packages from where they are; but our own from the copy.
  const modules = join(target, "node_modules");
  mkdirSync(join(modules, "@cohort"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name !== "@cohort") symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  for (const name of ["proto", "node-agent"])
    symlinkSync(join(target, name), join(modules, "@cohort", name));
}

/** What apt has verified once need not be downloaded again. */
async function copyDownloads(architecture, from, to, log) {
  for (const wanted of new Set([architecture, buildMachine()])) {
    const third = await prepareSources(wanted, from, log);
    for (const folder of [third.sysroot, dirname(third.sources.quickjs)]) {
      cpSync(folder, join(to, folder.slice(from.length + 1)), { recursive: true });
    }
  }
}

async function main() {
  const { values } = parseArgs({ options: { arch: { type: "string", default: "all" } } });
  const log = (line) => process.stderr.write(`${line}\n`);
  const wanted = values.arch === "all" ? Object.keys(architectures) : [values.arch];
  for (const arch of wanted) {
    const { file, sha256: digest, differs } = await checkReproducible({ arch, log });
    if (differs.length > 0) {
      log(`${differs.join(" and ")}: another build gave other bytes; diffoscope says which`);
      process.exitCode = 1;
    } else {
      process.stdout.write(`${digest}  ${file}\n`);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
