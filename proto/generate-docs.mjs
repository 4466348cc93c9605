// npm run docs: writes proto/docs from the schemas and registries, and collects the catalogue of services.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { parse } from "yaml";

const docs = join(import.meta.dirname, "docs");
writeFileSync(join(import.meta.dirname, "src/catalogue/gen/services.json"), catalogueOfServices());
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

/** In one file that every program can take in. */
function catalogueOfServices() {
  const folder = join(import.meta.dirname, "catalogue");
  const services = readdirSync(folder)
    .sort()
    .map((file) => {
      const yaml = readFileSync(join(folder, file), "utf8");
      const { name, description, needs = {} } = parse(yaml);
      return [name, { description, needs: Object.keys(needs), yaml }];
    });
  return `${JSON.stringify(Object.fromEntries(services), null, 2)}\n`;
}

/** @param {string} kind */
function exampleOf(kind) {
  const file = join(docs, "examples", `${kind}.yaml`);
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}
