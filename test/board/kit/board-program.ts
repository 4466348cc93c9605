import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { paths } from "../../../deploy/setup/paths.mjs";
import { architectures } from "../../../node-agent/toolchain/architectures.mjs";
import { compile, muslCompiler } from "../../../node-agent/toolchain/compiler.mjs";
import { hashTree } from "../../../node-agent/toolchain/hash.mjs";
import { prepareSources } from "../../../node-agent/toolchain/sources.mjs";
import { type Entry, file } from "./cpio.ts";
import type { BoardArch } from "./processors.mjs";

/** A program of the fixtures folder, compiled for a board, as a file of its /bin. */
export async function boardProgram(arch: BoardArch, name: string): Promise<Entry> {
  const architecture = architectures[arch];
  if (architecture === undefined) throw new Error(`the toolchain does not know ${arch}`);
  const { cache } = paths();
  const third = await prepareSources(architecture, cache, () => {});
  const compiler = await muslCompiler(`${architecture.gnu}-gcc`, architecture, third);
  const source = join(import.meta.dirname, "fixtures", `${name}.c`);
  const unit = { name: "fixture", files: [source], flags: [], identity: hashTree([source]) };
  const objects = await compile(compiler, unit, cache);
  const folder = mkdtempSync(join(tmpdir(), "cohort-program-"));
  try {
    await compiler.link(objects, [], join(folder, name));
    return file(`bin/${name}`, readFileSync(join(folder, name)), 0o755);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
