import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { SourceFile } from "@cohort/proto/gen/cohort/console";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";

/**
 * The YAML files named, or in the folders named, and the certificates beside them, which a service
 * may refer to by `ca_file`. Throws USAGE.
 */
export function readSources(paths: readonly string[], directory: string): SourceFile[] {
  const yaml = new Set(paths.flatMap((path) => yamlFiles(path, directory)));
  if (yaml.size === 0) {
    throw refuse("USAGE", `there is no YAML file in ${paths.join(", ")}`, {
      hint: "Resources stand in files that end in .yaml or .yml.",
    });
  }
  const folders = new Set([...yaml].map((path) => dirname(path)));
  const certificates = [...folders].flatMap((folder) => certificatesIn(folder, directory));
  const sources = [...[...yaml].map((path) => readSource(path, directory)), ...certificates];
  const bytes = sources.reduce((total, { text }) => total + Buffer.byteLength(text), 0);
  if (bytes > limits.consoleMessageBytesMax * 0.95) {
    throw refuse("LIMIT_EXCEEDED", `the files have ${bytes} bytes together`, {
      hint: `One apply may carry ${limits.consoleMessageBytesMax}; split it.`,
    });
  }
  return sources;
}

function yamlFiles(path: string, directory: string): string[] {
  const entry = statSync(resolve(directory, path), { throwIfNoEntry: false });
  if (entry === undefined) throw refuse("USAGE", `${path} does not exist`);
  if (!entry.isDirectory()) return [path];
  return namesIn(path, directory, /\.ya?ml$/);
}

/** A folder may hold private keys as well: those stay where they are. */
function certificatesIn(folder: string, directory: string): SourceFile[] {
  return namesIn(folder, directory, /\.pem$/)
    .map((path) => readSource(path, directory))
    .filter(({ text }) => text.includes("BEGIN CERTIFICATE") && !text.includes("PRIVATE KEY"));
}

function namesIn(folder: string, directory: string, pattern: RegExp): string[] {
  return readdirSync(resolve(directory, folder), { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && pattern.test(entry.name))
    .map((entry) => join(folder, entry.name))
    .sort();
}

function readSource(path: string, directory: string): SourceFile {
  const full = resolve(directory, path);
  const entry = statSync(full, { throwIfNoEntry: false });
  if (entry === undefined || !entry.isFile()) throw refuse("USAGE", `${path} is not a file`);
  if (entry.size > limits.sourceBytesMax) {
    throw refuse("LIMIT_EXCEEDED", `${path} has ${entry.size} bytes`, {
      hint: `A file of resources may have ${limits.sourceBytesMax}.`,
    });
  }
  try {
    return { path, text: new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(full)) };
  } catch (cause) {
    throw refuse("USAGE", `${path} cannot be read as UTF-8`, undefined, cause);
  }
}
