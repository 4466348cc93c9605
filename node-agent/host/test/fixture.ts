import { chmodSync } from "node:fs";
import { join, resolve } from "node:path";
import { architectures, buildMachine } from "../../toolchain/architectures.mjs";
import { compile, muslCompiler } from "../../toolchain/compiler.mjs";
import { hashTree } from "../../toolchain/hash.mjs";
import { prepareSources } from "../../toolchain/sources.mjs";

const root = resolve(import.meta.dirname, "../../..");
const cacheDir = process.env["COHORT_CACHE"] ?? join(root, ".cohort/cache");

/** Compiles a program of the fixtures folder, static, for one of the agent's architectures. */
export async function buildFixture(name: string, arch: string, output: string): Promise<void> {
  const architecture = architectures[arch];
  if (architecture === undefined) throw new Error(`no architecture ${arch}`);
  const native = architecture === buildMachine();
  const third = await prepareSources(architecture, cacheDir, () => {});
  const gcc = native ? "gcc" : `${architecture.gnu}-gcc`;
  const compiler = await muslCompiler(gcc, architecture, third);
  const file = join(import.meta.dirname, "fixtures", `${name}.c`);
  const unit = { name: "fixture", files: [file], flags: [], identity: hashTree([file]) };
  const objects = await compile(compiler, unit, cacheDir);
  await compiler.link(objects, [], output);
  chmodSync(output, 0o755);
}
