import { resolve } from "node:path";
import { build } from "esbuild";

const source = resolve(import.meta.dirname, "../../src/log/commit-thread-main.ts");
const modules = resolve(import.meta.dirname, "../../../node_modules");

/** Bundles the thread that commits, as set-up does. */
export async function buildCommitProgram(outfile: string): Promise<void> {
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    alias: { "better-sqlite3": resolve(modules, "better-sqlite3/lib/index.js") },
    external: ["*/better-sqlite3/lib/index.js"],
  });
}
