import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";

export const root = resolve(import.meta.dirname, "../..");

export interface SourceFile {
  /** From the repository's root. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** Path from the repository's root without extension for our own code, else the specifier. */
  readonly target: string;
}

/** Files that git tracks or would track, whose path matches. */
export function trackedFiles(pattern: RegExp): string[] {
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { cwd: root });
  return listed
    .toString()
    .split("\n")
    .filter((path) => path !== "" && pattern.test(path) && existsSync(join(root, path)));
}

/** Every TypeScript and JavaScript source of ours, without generated code. */
export function readSources(): SourceFile[] {
  return trackedFiles(/\.(?:ts|tsx|mjs)$/)
    .filter((path) => !path.startsWith("proto/gen/"))
    .map((path) => {
      const text = readFileSync(join(root, path), "utf8");
      return { path, text, imports: importsOf(path, text) };
    });
}

/** Static and dynamic imports and re-exports, types included: a type is a dependency too. */
export function importsOf(path: string, text: string): Import[] {
  const statements = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s[^;"']*?from\s*["']([^"']+)["']|(?:^|\n)\s*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/g,
  );
  return [...statements].map(([, from, bare, dynamic]) => {
    const specifier = (from ?? bare ?? dynamic) as string;
    return { specifier, target: targetOf(path, specifier) };
  });
}

function targetOf(path: string, specifier: string): string {
  if (specifier.startsWith(".")) {
    return normalize(join(dirname(path), specifier)).replace(/\.(?:ts|mjs)$/, "");
  }
  const own = /^@cohort\/([\w-]+)\/?(.*)$/.exec(specifier);
  if (own === null) return specifier;
  const [, workspace, inside] = own as unknown as [string, string, string];
  if (inside.startsWith("gen/")) return `${workspace}/${inside}`;
  return `${workspace}/src/${inside}`;
}
