// npm run docs: writes proto/docs from the schemas and registries.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";

const docs = join(import.meta.dirname, "docs");
const { outputFiles } = await build({
  entryPoints: [join(import.meta.dirname, "src/docs/docs.ts")],
  bundle: true,
  write: false,
  format: "esm",
  platform: "node",
});
const code = Buffer.from(outputFiles[0]?.contents ?? []).toString("base64");
const { docPages } = await import(`data:text/javascript;base64,${code}`);

for (const [path, text] of docPages(exampleOf)) {
  mkdirSync(dirname(join(docs, path)), { recursive: true });
  writeFileSync(join(docs, path), text);
}

/** @param {string} kind */
function exampleOf(kind) {
  const file = join(docs, "examples", `${kind}.yaml`);
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}
